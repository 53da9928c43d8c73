/**
 * A line with a long way: what either side sends arrives later, in order, with no limit of bandwidth. It stands for
 * round trips and SSH's windows, not for loss or TCP's slow start; and connecting to it takes no round trip.
 */
import { connect, createServer, type Socket } from "node:net";

export interface DelayProxy {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startDelayProxy(targetPort: number, roundTripMs: number): Promise<DelayProxy> {
  const sockets = new Set<Socket>();
  const forward = (from: Socket, to: Socket) => {
    sockets.add(from);
    const later = (act: () => void) => setTimeout(() => to.destroyed || act(), roundTripMs / 2);
    from.setNoDelay(true);
    from.on("data", (bytes) => later(() => to.write(bytes)));
    from.on("end", () => later(() => to.end()));
    from.on("close", () => {
      sockets.delete(from);
      later(() => to.destroy());
    });
    // A client that hangs up without a word has finished.
    from.on("error", () => {});
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const target = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true });
    forward(client, target);
    forward(target, client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a listener without a port");
  return {
    port: address.port,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
