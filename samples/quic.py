#!/usr/bin/env python3
"""usage: quic.py serve ADDRESS PORT CERTIFICATE KEY | quic.py get ADDRESS PORT
One page over HTTP/3 (RFC 9114) by aioquic, for the lab: `serve` until it is ended, `get` once."""

import asyncio
import ssl
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration


class Peer(QuicConnectionProtocol):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.http = H3Connection(self._quic)
        self.page = asyncio.get_running_loop().create_future()
        self.octets = b""

    def quic_event_received(self, event):
        for part in self.http.handle_event(event):
            if self._quic.configuration.is_client:
                if isinstance(part, DataReceived):
                    self.octets += part.data
                if part.stream_ended and not self.page.done():
                    self.page.set_result(self.octets)
            elif isinstance(part, HeadersReceived):
                self.http.send_headers(part.stream_id, [(b":status", b"200"), (b"content-type", b"text/plain")])
                self.http.send_data(part.stream_id, b"All printers ready.\n", end_stream=True)
        self.transmit()

    async def get(self, authority):
        stream = self._quic.get_next_available_stream_id()
        request = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", authority), (b":path", b"/")]
        self.http.send_headers(stream, request, end_stream=True)
        self.transmit()
        return await self.page


async def main(what, address, port, *files):
    if what == "serve":
        configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
        configuration.load_cert_chain(*files)
        await serve(address, int(port), configuration=configuration, create_protocol=Peer)
        await asyncio.Future()
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, server_name="annex.office.example", verify_mode=ssl.CERT_NONE
    )
    async with connect(address, int(port), configuration=configuration, create_protocol=Peer) as peer:
        print((await peer.get(b"annex.office.example")).decode(), end="")


asyncio.run(main(*sys.argv[1:]))
