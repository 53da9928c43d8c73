/** One connection that several share: made once, lost once, made anew once. */
import { expect, test } from "vitest";
import { Problem } from "../../src/domain/problem.ts";
import { RemoteSession } from "../../src/pipeline/session.ts";
import { createMemoryDrop, type MemoryDropOptions } from "../../src/transport/memory.ts";
import type { RemoteDrop } from "../../src/transport/transport.ts";

const never = new AbortController().signal;

/** A session whose connects are told apart and take a moment, as real ones do. */
function makeSession(options: MemoryDropOptions = {}) {
  const { transport } = createMemoryDrop(options);
  const connections: RemoteDrop[] = [];
  const closed: number[] = [];
  const session = new RemoteSession(
    {
      connect: async (signal) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        const drop = await transport.connect(signal);
        const close = drop.close.bind(drop);
        const number = connections.push(drop);
        drop.close = async () => {
          closed.push(number);
          await close();
        };
        return drop;
      },
    },
    never,
  );
  return { session, connections, closed };
}

const eight = <T>(work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: 8 }, (_, index) => work(index)));
const lost = () => new Problem("remote_unreachable", "the connection was lost");
const refusal = { code: "authentication_refused", when: "before" } as const;

test("eight that need a connection at the same time get the same one", async () => {
  const { session, connections } = makeSession();
  const drops = await eight(() => session.get());
  expect(connections).toHaveLength(1);
  expect(new Set(drops)).toEqual(new Set(connections));
});

test("eight that lose their connection go on with one new one, which none of them closes", async () => {
  const { session, connections, closed } = makeSession();
  const done = await eight((index) =>
    session.withReconnect(async (drop) => {
      // They notice one after the other; the last long after the new connection is in use.
      await new Promise((resolve) => setTimeout(resolve, index * 5));
      if (drop === connections[0]) throw lost();
      await drop.list("/inbound");
      return connections.indexOf(drop);
    }),
  );
  expect(done).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  expect(connections).toHaveLength(2);
  expect(new Set(closed)).toEqual(new Set([1]));
});

test("who loses the new one as well is told so, and the others go on", async () => {
  const { session, connections } = makeSession();
  const [unlucky, lucky] = await Promise.allSettled([
    session.withReconnect(() => Promise.reject(lost())),
    session.withReconnect(async (drop) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      if (drop === connections[0]) throw lost();
      return "done";
    }),
  ]);
  expect(unlucky).toMatchObject({ reason: { code: "remote_unreachable" } });
  expect(lucky).toEqual({ status: "fulfilled", value: "done" });
});

test("a server that refuses is asked once for all of them", async () => {
  let asked = 0;
  const { session } = makeSession({
    fault: () => {
      asked += 1;
      return { code: "authentication_refused", when: "before" };
    },
  });
  const refused = await Promise.allSettled(Array.from({ length: 8 }, () => session.get()));
  expect(refused.map((one) => one.status === "rejected" && one.reason.code)).toEqual(
    Array(8).fill("authentication_refused"),
  );
  await expect(session.get()).rejects.toMatchObject({ code: "authentication_refused" });
  expect(asked).toBe(1);
});

test("a connection that was begun early is the one that is used, and what refused it is told to who needs it", async () => {
  const { session, connections } = makeSession();
  session.begin();
  expect(await session.get()).toBe(connections[0]);
  expect(connections).toHaveLength(1);
  const refused = makeSession({ fault: ({ operation }) => (operation === "connect" ? refusal : undefined) });
  refused.session.begin();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(refused.session.get()).rejects.toMatchObject({ code: "authentication_refused" });
});

test("a server that was away when a connection was begun early, for nobody yet, is asked again by who needs it", async () => {
  let isAway = true;
  const { session, connections } = makeSession({
    fault: ({ operation }) =>
      isAway && operation === "connect" ? { code: "remote_unreachable", when: "before" } : undefined,
  });
  session.begin();
  await new Promise((resolve) => setTimeout(resolve, 20));
  isAway = false;
  expect(await session.get()).toBe(connections[0]);
});

test("a session that is closed while its connection is being made waits no longer, and leaves none open", async () => {
  const { session, connections, closed } = makeSession();
  session.begin();
  await session.close();
  expect(closed).toHaveLength(connections.length);
  const silent = new RemoteSession(
    {
      connect: (signal) =>
        new Promise((_, reject) => signal?.addEventListener("abort", () => reject(lost()), { once: true })),
    },
    never,
  );
  silent.begin();
  await silent.close();
});
