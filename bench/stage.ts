/** What the experiments share: the data, a real sshd, folders that are removed again, and a merchant who has submitted. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort, type OpenSsh, startOpenSsh } from "../test/support/openssh.ts";
import { type Data, type DataOptions, makeData } from "./make-data.ts";
import { Merchant } from "./ours.ts";
import type { Server } from "./peers/transfers.ts";

export interface Stage {
  readonly folder: string;
  readonly data: Data;
  readonly options: DataOptions;
  readonly rounds: number;
  readonly server: Server & { readonly fingerprint: string };
  readonly say: (text: string) => void;
  /** A fresh folder; what came before under this name is gone. */
  scratch(name: string): Promise<string>;
  merchant(name: string, server?: { readonly port: number }): Promise<Merchant>;
  /** A merchant whose export has been delivered, made once; its inbound folder holds the batch files. */
  submitted(): Promise<Merchant>;
  /** A merchant whose batches lie ready in the archive and were never sent, made once. */
  prepared(): Promise<Merchant>;
  end(): Promise<void>;
}

export async function setStage(
  folder: string,
  options: DataOptions,
  rounds: number,
  say: (text: string) => void,
): Promise<Stage> {
  say(`making ${options.rows.toLocaleString("en")} rows`);
  const data = await makeData(join(folder, "data"), options);
  const sshd: OpenSsh = await startOpenSsh();
  const server = {
    port: sshd.port,
    username: sshd.username,
    privateKeyPath: sshd.privateKeyPath,
    hostPublicKey: sshd.hostPublicKeys[0] ?? "",
    fingerprint: sshd.hostKeyFingerprint,
  };
  const scratch = async (name: string) => {
    const path = join(folder, name);
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
    return path;
  };
  const merchant: Stage["merchant"] = async (name, other) =>
    Merchant.create(await scratch(name), data, { ...server, ...other });
  let submitted: Promise<Merchant> | undefined;
  const submitOnce = async () => {
    const first = await merchant("submitted");
    const { seconds } = await first.submit(data);
    say(`delivered ${(await readdir(first.inbound)).length} files in ${seconds.toFixed(1)} s, to begin with`);
    return first;
  };
  let prepared: Promise<Merchant> | undefined;
  const prepareOnce = async () => {
    const unreachable = await merchant("prepared", { port: await findFreePort() });
    await unreachable.prepare(data);
    return unreachable;
  };
  return {
    ...{ folder, data, options, rounds, server, say, scratch, merchant },
    submitted: () => {
      submitted ??= submitOnce();
      return submitted;
    },
    prepared: () => {
      prepared ??= prepareOnce();
      return prepared;
    },
    end: () => sshd.stop(),
  };
}
