/**
 * A line to a server that a test may hold back or cut, at a moment that it chooses by what the server has done: the
 * server acts before it answers, so an answer that is stopped here belongs to an act that happened.
 */
import { connect, createServer, type Socket } from "node:net";

export interface Relay {
  readonly port: number;
  /** Ends all connections. */
  stop(): Promise<void>;
}

/**
 * Requests pass at once. Before each piece of the server's answers `mayPass` is asked: true passes it on, false cuts
 * the connection; a promise holds the answers back, in order.
 */
export async function startRelay(
  target: { readonly host: string; readonly port: number },
  mayPass: () => boolean | Promise<boolean>,
): Promise<Relay> {
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect(target.port, target.host);
    const cut = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      sockets.add(socket);
      // A cut line is what the test wanted.
      socket.on("error", () => {}).on("close", cut);
    }
    client.pipe(server);
    let before = Promise.resolve();
    server.on("data", (answer) => {
      before = before.then(async () => {
        if (client.destroyed) return;
        if (await mayPass()) client.write(answer);
        else cut();
      });
    });
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const address = relay.address();
  if (address === null || typeof address === "string") throw new Error("a listener without a port");
  return {
    port: address.port,
    stop: async () => {
      const closed = new Promise<void>((resolve) => relay.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
