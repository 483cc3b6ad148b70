/** How a client of ours connects to a mount target of Amazon EFS: TLS, and in it who the client is. */
export { type MountTargetTlsSettings, mountTargetTls } from "./mount-target-tls.ts";
