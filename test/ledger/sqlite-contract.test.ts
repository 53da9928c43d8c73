/** The SQLite ledger keeps every promise of the interface. */
import { describe } from "vitest";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { ledgerSuite } from "../contract/ledger-suite.ts";
import { makeFolder, removeFolder } from "./folder.ts";

async function makePlace() {
  const folder = await makeFolder();
  return {
    open: () => openSqliteLedger({ folder, merchant: "acme", host: "here", clock: Date.now }),
    remove: () => removeFolder(folder),
  };
}

describe("the SQLite ledger", () => {
  ledgerSuite(makePlace);
});

describe("the SQLite ledger, whose transactions all go on in a thread", () => {
  ledgerSuite(async () => {
    const { open, remove } = await makePlace();
    return {
      open: async () => {
        const ledger = await open();
        const { transaction } = ledger;
        return { ...ledger, transaction: (work, options) => transaction(work, { isLarge: true, ...options }) };
      },
      remove,
      readsNoPagesInside: true,
    };
  });
});
