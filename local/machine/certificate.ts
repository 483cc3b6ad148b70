/** A self-signed certificate for TLS servers on loopback. Clients cannot verify it. */
import { generate } from "selfsigned";

/** Returns a new key and its certificate, as PEM. */
export async function makeCertificate(): Promise<{ key: string; cert: string }> {
  const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }]);
  return { key, cert };
}
