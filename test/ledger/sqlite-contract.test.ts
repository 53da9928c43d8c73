/** The SQLite ledger keeps every promise of the interface. */
import { describe } from "vitest";
import { openSqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { ledgerSuite } from "../contract/ledger-suite.ts";
import { makeFolder, removeFolder } from "./folder.ts";

describe("the SQLite ledger", () => {
  ledgerSuite(async () => {
    const folder = await makeFolder();
    return {
      open: () => openSqliteLedger({ folder, merchant: "acme", host: "here", clock: Date.now }),
      remove: () => removeFolder(folder),
    };
  });
});
