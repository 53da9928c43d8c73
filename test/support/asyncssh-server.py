"""AsyncSSH's own SFTP server, as it comes: python3 asyncssh-server.py FOLDER PORT (other-servers.ts starts it)."""

import asyncio
import sys

import asyncssh


async def serve(folder: str, port: int) -> None:
    await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[f"{folder}/host_key"],
        authorized_client_keys=f"{folder}/user_key.pub",
        sftp_factory=True,
    )
    await asyncio.Event().wait()


asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
