import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { ConnectionError, connectNfs, DeadlineError, NfsError, ProtocolError } from "nfs-client";
import { recordHeader, XdrWriter } from "nfs-client/wire";
import { afterEach, describe, expect, test } from "vitest";
import { ScriptedServer } from "../../support/scripted-server.ts";

let server: ScriptedServer | undefined;

afterEach(() => server?.stop());

async function connectTo(onConnection: (socket: Socket) => void) {
  server = await ScriptedServer.start(onConnection);
  return connectNfs({ host: server.host, port: server.port, connectTimeout: 300 });
}

/** Answers every call with `body` behind the call's own xid. */
function answering(body: (xid: number) => Buffer) {
  return (socket: Socket) => {
    socket.on("data", (call) => {
      const record = body(call.readUInt32BE(4));
      socket.write(Buffer.concat([recordHeader(record.length), record]));
    });
  };
}

describe("a server that", () => {
  test("is not there is a connection error that names it", async () => {
    server = await ScriptedServer.start(() => {});
    const { host, port } = server;
    await server.stop();
    server = undefined;
    await expect(connectNfs({ host, port })).rejects.toThrow(`Cannot connect to 127.0.0.1:${port}`);
  });

  test("never answers is given up after the connect timeout", async () => {
    await expect(connectTo(() => {})).rejects.toBeInstanceOf(DeadlineError);
  });

  test("hangs up is a connection error", async () => {
    await expect(connectTo((socket) => socket.end())).rejects.toBeInstanceOf(ConnectionError);
  });

  test("speaks something else is a protocol error, whatever it says", async () => {
    for (let round = 0; round < 30; round++) {
      const attempt = connectTo((socket) => socket.write(randomBytes(1 + round * 40)));
      await expect(attempt).rejects.toBeInstanceOf(NfsError);
      await server?.stop();
    }
  });

  test("announces a record of two gigabytes is not believed", async () => {
    const attempt = connectTo((socket) => socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff])));
    await expect(attempt).rejects.toThrow("record of 2147483647 bytes where at most");
  });

  test("answers a call that was not made is a protocol error", async () => {
    const reply = (xid: number) =>
      new XdrWriter()
        .uint32(xid + 1)
        .uint32(1)
        .toBuffer();
    await expect(connectTo(answering(reply))).rejects.toThrow("which was not made");
  });

  test.for([
    ["denies the call", (xdr: XdrWriter) => xdr.uint32(1).uint32(1).uint32(1).uint32(5), "AUTH_ERROR 5"],
    ["does not know NFS", (xdr: XdrWriter) => xdr.uint32(1).uint32(0).uint32(0).uint32(0).uint32(1), "PROG_UNAVAIL"],
    ["ends in the middle", (xdr: XdrWriter) => xdr.uint32(1).uint32(0).uint32(0), "ends at byte"],
    [
      "knows NFSv4.0 only",
      (xdr: XdrWriter) => xdr.uint32(1).uint32(0).uint32(0).uint32(0).uint32(0).uint32(10021).string("").uint32(0),
      "NFS4ERR_MINOR_VERS_MISMATCH: the server does not speak NFS version 4.1",
    ],
    [
      "has more results than questions",
      (xdr: XdrWriter) => xdr.uint32(1).uint32(0).uint32(0).uint32(0).uint32(0).uint32(0).string("").uint32(900),
      "900 results for 1 operations",
    ],
  ] as const)("%s is told as such", async ([, build, message]) => {
    const attempt = connectTo(answering((xid) => build(new XdrWriter().uint32(xid)).toBuffer()));
    await expect(attempt).rejects.toThrow(message);
  });

  test("has another version of the program is a protocol error", async () => {
    const reply = (xid: number) =>
      new XdrWriter().uint32(xid).uint32(1).uint32(0).uint32(0).uint32(0).uint32(2).uint32(3).uint32(3).toBuffer();
    await expect(connectTo(answering(reply))).rejects.toBeInstanceOf(ProtocolError);
  });
});
