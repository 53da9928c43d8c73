/** A whole night against real servers of several makers. What they have in common is the promise; nothing else is. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { exportOfCount, type MerchantFolder, makeMerchantFolder, type ServerForMerchants } from "../support/e2e.ts";
import { type OpenSshOptions, openSshMissing, startOpenSsh } from "../support/openssh.ts";
import { missingServers, OTHER_SERVERS, startOtherServer } from "../support/other-servers.ts";
import { NIGHT_LIMIT_MS, playNight, profileWith } from "./night.ts";

const noOpenSsh = openSshMissing() !== undefined;
const missing = missingServers();

const DIRECT = profileWith({ commit: "direct" });
const WITHOUT_RENAME = ["-P", "rename,posix-rename"];

vi.setConfig({ testTimeout: NIGHT_LIMIT_MS });

const cleanups: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

async function merchantAt(
  server: ServerForMerchants & { stop(): Promise<void> },
  profile?: string,
): Promise<MerchantFolder> {
  cleanups.push(() => server.stop());
  const merchant = await makeMerchantFolder(server, { acme: profile ? { provider: "./profile.yaml" } : {} });
  cleanups.push(() => merchant.remove());
  if (profile) await writeFile(join(merchant.folder, "profile.yaml"), profile);
  return merchant;
}

describe.skipIf(noOpenSsh)("OpenSSH", { concurrent: true }, () => {
  test.for<[string, OpenSshOptions]>([
    ["as it comes", {}],
    [
      "that refuses setstat, fsync and posix-rename",
      { sftpFlags: ["-P", "setstat,fsetstat,lsetstat,fsync,posix-rename"] },
    ],
  ])("%s: a whole night", async ([, options]) => {
    await playNight(await merchantAt(await startOpenSsh(options)));
  });

  test("without rename: a whole night with a profile that writes under the final name at once", async () => {
    await playNight(await merchantAt(await startOpenSsh({ sftpFlags: WITHOUT_RENAME }), DIRECT));
  });

  test("without rename: 11 with a profile that renames, and nothing under a final name, each time anew", async () => {
    const merchant = await merchantAt(await startOpenSsh({ sftpFlags: WITHOUT_RENAME }));
    await merchant.writeExport("a.csv", exportOfCount(2));

    for (const _ of [1, 2]) {
      const sent = await merchant.rescue(["run", "--json"]);
      expect(sent.status).toBe(11);
      expect(sent.errors[0]).toMatchObject({ code: "permission_denied", message: expect.stringContaining("rename") });
      const names = (await merchant.delivered()).map(({ name }) => name);
      expect(names.filter((name) => !name.endsWith(".part"))).toEqual([]);
      expect(names.length).toBeLessThanOrEqual(1);
    }
  });
});

describe("other makers' servers", { concurrent: true }, () => {
  for (const name of OTHER_SERVERS) {
    test.skipIf(missing.includes(name))(`${name}, as it comes: a whole night`, async () => {
      await playNight(await merchantAt(await startOtherServer(name)));
    });
  }
});
