/**
 * Modes as GNU chmod takes them: octal, or symbolic, without the process's umask. Directories keep set-user-ID and
 * set-group-ID unless these are named.
 */
import { UsageError } from "./location.ts";

/** From a file's mode to the one it gets. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const CLASSES = { u: 0o4700, g: 0o2070, o: 0o1007 } as const;
const BITS = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 } as const;
const SETUID_AND_SETGID = 0o6000;

/** Who (`a` where nobody is named), what to do, and the permissions. */
const CLAUSE = /^([ugoa]*)([+=-])([rwxXst]*)$/;

/** @throws {UsageError} when the text is no mode. */
export function parseMode(text: string): ModeChange {
  if (/^[0-7]{1,4}$/.test(text)) {
    const octal = Number.parseInt(text, 8);
    return (mode, isDirectory) => octal | (isDirectory ? mode & SETUID_AND_SETGID : 0);
  }
  const changes = text.split(",").map((clause) => parseClause(clause, text));
  return (mode, isDirectory) => changes.reduce((changed, change) => change(changed, isDirectory), mode);
}

function parseClause(clause: string, text: string): ModeChange {
  const [, who, operator, permissions] = CLAUSE.exec(clause) ?? [];
  if (who === undefined || permissions === undefined) {
    throw new UsageError(
      `${JSON.stringify(text)} is no mode: give it in octal, like 0644, or as changes, like u+rwX,go-w`,
    );
  }
  const scope = scopeOf(who);
  return (mode, isDirectory) => {
    const bits = bitsOf(permissions, mode, isDirectory) & scope;
    if (operator === "+") return mode | bits;
    if (operator === "-") return mode & ~bits;
    const kept = isDirectory && !permissions.includes("s") ? SETUID_AND_SETGID : 0;
    return (mode & (~scope | kept)) | bits;
  };
}

/** The bits that a change for these may touch. The sticky bit is that of others, as GNU chmod has it. */
function scopeOf(who: string): number {
  if (who === "" || who.includes("a")) return CLASSES.u | CLASSES.g | CLASSES.o;
  return (
    (who.includes("u") ? CLASSES.u : 0) | (who.includes("g") ? CLASSES.g : 0) | (who.includes("o") ? CLASSES.o : 0)
  );
}

function bitsOf(permissions: string, mode: number, isDirectory: boolean): number {
  const executes = isDirectory || (mode & BITS.x) !== 0;
  const bits: Readonly<Record<string, number>> = { ...BITS, X: executes ? BITS.x : 0 };
  return [...permissions].reduce((sum, permission) => sum | (bits[permission] ?? 0), 0);
}
