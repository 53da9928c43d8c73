/** A merchant at an embedded server with odd manners, whose files are in this process's memory. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll } from "vitest";
import { generateKeyPair } from "../../src/transport/key-pair.ts";
import { type MerchantFolder, makeMerchantFolder } from "../support/e2e.ts";
import { fingerprintOf } from "../support/openssh.ts";
import { type EmbeddedManners, type EmbeddedServer, startEmbeddedServer } from "../transport/embedded-server.ts";

export interface OddMerchant extends MerchantFolder {
  readonly server: EmbeddedServer;
  /** What the provider took away; `delivered` counts it. */
  readonly taken: Map<string, Buffer>;
}

export interface OddChoices {
  readonly sftp?: Readonly<Record<string, unknown>>;
  /** The text of a profile file. */
  readonly profile?: string;
}

const cleanups: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type OddPlace = Pick<OddMerchant, "server" | "taken">;

/** The server is there when the first of its manners is asked for; it and the merchant go with the last test of the file. */
export async function makeOddMerchant(
  manners: EmbeddedManners | ((place: OddPlace) => EmbeddedManners),
  { sftp = {}, profile }: OddChoices = {},
): Promise<OddMerchant> {
  const { folder, key, fingerprint } = await makeHostKey();
  const place = { server: undefined as unknown as EmbeddedServer, taken: new Map<string, Buffer>() };
  place.server = await startEmbeddedServer(key, typeof manners === "function" ? manners(place) : manners);
  const { server, taken } = place;
  cleanups.push(() => server.stop());
  const login = { host: "127.0.0.1", port: server.port, username: "acme", root: folder };
  const merchant = await makeMerchantFolder(
    { ...login, privateKeyPath: join(folder, "host_key"), hostKeyFingerprint: fingerprint },
    {
      acme: {
        sftp: { inbound: "/inbound", outbound: "/outbound", ...sftp },
        ...(profile === undefined ? {} : { provider: "./profile.yaml" }),
      },
    },
  );
  cleanups.push(() => merchant.remove());
  if (profile !== undefined) await writeFile(join(merchant.folder, "profile.yaml"), profile);
  return {
    ...merchant,
    server,
    taken,
    writeResults: async (name, content) => void server.files.set(`/outbound/${name}`, Buffer.from(content)),
    delivered: async () =>
      [...server.files, ...taken]
        .filter(([path]) => path.startsWith("/inbound/"))
        .map(([path, bytes]) => ({ name: basename(path), text: bytes.toString() })),
  };
}

/** The provider is faster than the answer to our rename. */
export function takingAtOnce(place: OddPlace): EmbeddedManners {
  return {
    onDone: (done, path) => {
      if (done !== "renamed") return;
      place.taken.set(path, place.server.files.get(path) ?? Buffer.alloc(0));
      place.server.files.delete(path);
    },
  };
}

/** In a folder of its own, which goes with the last test. */
export async function makeHostKey() {
  const folder = await mkdtemp(join(tmpdir(), "rescue-odd-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  await generateKeyPair(join(folder, "host_key"), "rescue test");
  const key = await readFile(join(folder, "host_key"), "utf8");
  return { folder, key, fingerprint: fingerprintOf(join(folder, "host_key")) };
}
