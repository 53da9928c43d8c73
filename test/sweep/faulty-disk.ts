/** `node:fs/promises` and `createReadStream`, of which any single call below one folder can be made to fail. */
import type * as Fs from "node:fs";
import type * as FsPromises from "node:fs/promises";

export interface DiskCall {
  /** `open`, `rename`, …, `handle.write`, … */
  readonly operation: string;
  readonly path: string;
}

export interface DiskFault {
  /** `none`: a short write of which nobody says anything. */
  readonly errno: "EIO" | "ENOSPC" | "EACCES" | "none";
  /** `halfway`: of a write, half of its bytes were written. */
  readonly when: "before" | "halfway" | "after";
}

export interface FaultyDisk {
  readonly meet: (call: DiskCall) => DiskFault | undefined;
}

type Call = (...args: never[]) => Promise<unknown>;

const HANDLE_CALLS = ["read", "write", "writeFile", "sync", "stat", "chmod", "close"] as const;

export function faultyFsPromises(real: typeof FsPromises, disk: FaultyDisk): typeof FsPromises {
  const wrapped = { ...real } as Record<string, unknown>;
  for (const [name, call] of Object.entries(real)) {
    if (typeof call !== "function" || name === "watch") continue;
    wrapped[name] = async (...args: never[]) => {
      const half = name === "writeFile" ? () => (call as Call)(...withHalf(args, 1)) : undefined;
      const result = await pass(disk, callOn(name, args[0]), () => (call as Call)(...args), half);
      return name === "open" ? faultyHandle(result as FsPromises.FileHandle, String(args[0]), disk) : result;
    };
  }
  return { ...(wrapped as unknown as typeof FsPromises) };
}

function faultyHandle(handle: FsPromises.FileHandle, path: string, disk: FaultyDisk): FsPromises.FileHandle {
  for (const name of HANDLE_CALLS) {
    const call = (handle[name] as Call).bind(handle);
    const isWrite = name === "write" || name === "writeFile";
    const half = isWrite
      ? (args: never[]) => call(...(name === "write" ? shorter(args) : withHalf(args, 0)))
      : undefined;
    Object.defineProperty(handle, name, {
      value: (...args: never[]) =>
        // A file is closed even where closing says that it failed.
        pass(
          disk,
          { operation: `handle.${name}`, path },
          () => call(...args),
          half && (() => half(args)),
          name === "close",
        ),
    });
  }
  return handle;
}

async function pass(
  disk: FaultyDisk,
  call: DiskCall,
  act: () => Promise<unknown>,
  half: (() => Promise<unknown>) | undefined,
  alwaysActs = false,
): Promise<unknown> {
  const fault = disk.meet(call);
  if (!fault) return act();
  if (fault.when === "before" && !alwaysActs) throw errorOf(fault, call.operation);
  const result = await (fault.when === "halfway" && half ? half() : act());
  if (fault.errno === "none") return result;
  throw errorOf(fault, call.operation);
}

export function faultyReadStream(real: typeof Fs.createReadStream, disk: FaultyDisk): typeof Fs.createReadStream {
  return ((...args: Parameters<typeof Fs.createReadStream>) => {
    const stream = real(...args);
    const fault = disk.meet(callOn("createReadStream", args[0]));
    if (fault) stream.destroy(errorOf(fault, "read"));
    return stream;
  }) as typeof Fs.createReadStream;
}

function callOn(operation: string, path: unknown): DiskCall {
  return { operation, path: String(path) };
}

function errorOf({ errno }: DiskFault, operation: string): Error {
  const syscall = operation.replace("handle.", "");
  return Object.assign(new Error(`${errno}: made to fail, ${syscall}`), { code: errno, syscall, errno: -5 });
}

function withHalf(args: never[], at: number): never[] {
  const bytes = Buffer.from(args[at] as unknown as string | Buffer);
  return args.with(at, bytes.subarray(0, Math.floor(bytes.length / 2)) as never);
}

/** `write(buffer, offset, length, position)` */
function shorter(args: never[]): never[] {
  return args.with(2, Math.ceil((args[2] as unknown as number) / 2) as never);
}
