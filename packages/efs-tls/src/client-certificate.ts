/**
 * The certificate by which an NFS client tells EFS who it is: self-signed, with extensions of Amazon's that name the
 * access point and the file system, and carry the signature for IAM (aws/efs-utils, `create_ca_conf`).
 */
import { createHash, createPublicKey, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { hostname } from "node:os";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Certificate,
  Extension,
  Extensions,
  id_ce_subjectKeyIdentifier,
  Name,
  RelativeDistinguishedName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";
import { Constructed, OctetString as OctetStringValue, Sequence, UTCTime, Utf8String } from "asn1js";
import { type Credentials, signConnect } from "./connect-signature.ts";

/** Whom EFS is to take the client for. */
export interface ClientIdentity {
  /** Example: `fs-0123abcd`. */
  readonly fileSystemId: string;
  /** The root of the name space is then the access point's directory. Example: `fsap-0123abcd`. */
  readonly accessPointId?: string | undefined;
  /** Default: anonymous. */
  readonly iam?: IamIdentity | undefined;
}

export interface IamIdentity {
  readonly credentials: Credentials;
  /** The file system's. Example: `ap-northeast-1`. */
  readonly region: string;
}

const MINUTE = 60_000;
const VALID_BEFORE = 15 * MINUTE;
const VALID_AFTER = 180 * MINUTE;

const COMMON_NAME = "2.5.4.3";
const SHA256_WITH_RSA = "1.2.840.113549.1.1.11";
const ACCESS_POINT_ID = "1.3.6.1.4.1.4843.7.1";
const IAM_AUTHORIZATION = "1.3.6.1.4.1.4843.7.2";
const FILE_SYSTEM_ID = "1.3.6.1.4.1.4843.7.3";

/**
 * Makes a certificate as PEM, valid from 15 minutes before `time` to 3 hours after it.
 *
 * @param privateKey an RSA key.
 */
export function makeClientCertificate(identity: ClientIdentity, privateKey: KeyObject, time: Date): string {
  const publicKey = createPublicKey(privateKey);
  const name = nameOf(hostname().slice(0, 64));
  const signatureAlgorithm = new AlgorithmIdentifier({ algorithm: SHA256_WITH_RSA, parameters: null });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: signatureAlgorithm,
    issuer: name,
    validity: new Validity({
      notBefore: new Date(time.getTime() - VALID_BEFORE),
      notAfter: new Date(time.getTime() + VALID_AFTER),
    }),
    subject: name,
    subjectPublicKeyInfo: AsnConvert.parse(publicKey.export({ type: "spki", format: "der" }), SubjectPublicKeyInfo),
    extensions: new Extensions(extensionsOf(identity, publicKey, time)),
  });
  const signature = sign("sha256", new Uint8Array(AsnConvert.serialize(tbsCertificate)), privateKey);
  const certificate = new Certificate({ tbsCertificate, signatureAlgorithm, signatureValue: bytesOf(signature) });
  return new X509Certificate(new Uint8Array(AsnConvert.serialize(certificate))).toString();
}

function extensionsOf({ fileSystemId, accessPointId, iam }: ClientIdentity, publicKey: KeyObject, time: Date) {
  // What SubjectPublicKeyInfo has in its BIT STRING (RFC 5280 §4.2.1.2, method 1).
  const keyBits = publicKey.export({ type: "pkcs1", format: "der" });
  const keyHash = createHash("sha1").update(keyBits).digest();
  return [
    extension(id_ce_subjectKeyIdentifier, AsnConvert.serialize(new SubjectKeyIdentifier(keyHash))),
    ...(accessPointId === undefined ? [] : [extension(ACCESS_POINT_ID, utf8(accessPointId).toBER())]),
    ...(iam === undefined
      ? []
      : [extension(IAM_AUTHORIZATION, authorization(fileSystemId, iam, keyHash.toString("hex"), time).toBER())]),
    extension(FILE_SYSTEM_ID, utf8(fileSystemId).toBER()),
  ];
}

function authorization(fileSystemId: string, { credentials, region }: IamIdentity, publicKeyHash: string, time: Date) {
  const signature = signConnect({ fileSystemId, region, credentials, publicKeyHash, time });
  const { accessKeyId, sessionToken } = credentials;
  return new Sequence({
    value: [
      utf8(accessKeyId),
      // The hexadecimal digits, not the bytes they stand for.
      new OctetStringValue({ valueHex: Buffer.from(signature) }),
      new UTCTime({ valueDate: time }),
      ...(sessionToken === undefined ? [] : [explicit(0, utf8(sessionToken))]),
    ],
  });
}

function extension(extnID: string, value: ArrayBuffer): Extension {
  return new Extension({ extnID, extnValue: new OctetString(value) });
}

function utf8(value: string): Utf8String {
  return new Utf8String({ value });
}

/** A value in a context-specific tag of its own. */
function explicit(tagNumber: number, value: Utf8String): Constructed {
  return new Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] });
}

function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })])]);
}

/** A random positive number of 16 bytes (RFC 5280 §4.1.2.2). */
function serialNumber(): ArrayBuffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8() & 0x3f) | 0x40);
  return bytesOf(bytes);
}

function bytesOf(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
}
