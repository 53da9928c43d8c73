/** Cold start: what the program costs before it does anything. */
import { type Measurement, runProcess, takeTurns } from "../measure.ts";
import { version } from "../ours.ts";
import { onlyConnect } from "../peers/transfers.ts";
import type { Stage } from "../stage.ts";
import { atMost, barOf, type Findings, verdictOf } from "../table.ts";

/** A start is short and noisy. */
const TURNS_PER_ROUND = 7;
const MOST_TIMES_NODE = 4;

export async function start(stage: Stage): Promise<Findings> {
  const { data, server } = stage;
  const merchant = await stage.merchant("start");
  const { folder } = merchant;
  // Makes the ledger, and fills the compile cache as the first run on any machine does.
  await merchant.runIdle(data.asOf);
  await version(folder);
  const turns = await takeTurns(
    [
      { name: "node -e 0", run: () => bareNode(folder) },
      { name: "rescue --version", run: () => version(folder) },
      { name: "a connection (sftp -b)", run: () => onlyConnect({ server, folder }) },
      { name: "rescue run, nothing to do", run: () => merchant.runIdle(data.asOf, { wallOnly: true }) },
    ],
    TURNS_PER_ROUND * stage.rounds,
    () => {},
  );
  const [node, connection, run] = [
    turns.of("node -e 0"),
    turns.of("a connection (sftp -b)"),
    turns.of("rescue run, nothing to do"),
  ];
  const times = (run.median - connection.median) / node.median;
  const row = atMost("rescue run, nothing to do", run, barOf(node), undefined);
  return {
    measured: turns.all,
    targets: [
      atMost("rescue --version", turns.of("rescue --version"), barOf(node), 1.6),
      {
        ...row,
        peer: `${row.peer}, and ${Math.round(connection.median * 1000)} ms (${connection.name})`,
        ratio: `${times.toFixed(2)} × + connection`,
        target: `≤ ${MOST_TIMES_NODE} × + connection`,
        verdict: verdictOf(times <= MOST_TIMES_NODE),
      },
    ],
  };
}

function bareNode(cwd: string): Promise<Measurement> {
  return runProcess(process.execPath, ["-e", "0"], { cwd, wallOnly: true });
}
