/** Whether the reader of a page is signed in. The token itself is in a cookie that no script can read. */
import { type Session, sessionSchema } from "../../src/status/document.ts";

const URL = "/session";

export async function currentSession(): Promise<Session> {
  const response = await fetch(URL);
  return sessionSchema.parse(await response.json());
}

/** @returns the status of the response: 204 where the token is valid, 0 without any. */
export async function signIn(token: string): Promise<number> {
  // What no header may have is in no token either.
  if (!/^[\x21-\x7e]+$/.test(token)) return 401;
  try {
    const { status } = await fetch(URL, { method: "POST", headers: { authorization: `Bearer ${token}` } });
    return status;
  } catch {
    return 0;
  }
}

export async function signOut(): Promise<void> {
  await fetch(URL, { method: "DELETE" });
}
