/** What function, routers and the failover program agree on: the documents in SSM parameters. */
export {
  DEFAULT_NFS_PORT,
  type MountTable,
  MountTableError,
  type MountTarget,
  parseMountTable,
  serializeMountTable,
} from "./mount-table.ts";
export {
  DEFAULT_REGION_PARAMETER_NAME,
  nextEpoch,
  type Peer,
  POLLS_IN_LEASE,
  parseRegionRole,
  type RegionRole,
  RegionRoleError,
  ROLES,
  type Role,
  serializeRegionRole,
  supersedes,
  type Takeover,
} from "./region-role.ts";
