//! What is read: the text of `docs/reads.md`, which the test of the documents in `schema` holds against the file.

use std::{collections::BTreeSet, fmt::Write as _};

use portolan::{
    decode::{Decoder, Headers, Kind, LinkProtocol, Piece, Tunnel},
    naming::label::kind_word,
    packet::LinkType,
    savefile::{Compression, FileFormat},
};

/// The page. Which link types are opened is asked of the decoder; all else stands in lists of the source.
pub(crate) fn list_of_what_is_read() -> String {
    let mut text = "# What is read

Lists from the source. Written by `UPDATE_DOCS=1 cargo test schema`: change the source, not this page.

## Capture files

Told by their first octets, never by their names. What is compressed is opened first, also from standard input.

"
    .to_owned();
    for format in FileFormat::ALL {
        writeln!(text, "- {format}").unwrap();
    }
    let compressions = Compression::ALL.map(|compression| compression.to_string()).join(", ");
    write!(text, "\nCompressions: {compressions}.\n").unwrap();
    text += "
## Link types

Those of <https://www.tcpdump.org/linktypes.html> that are opened, and some numbers that single systems write in their place,
which have no name there. Number 149 is opened, too, where it holds Apple's packet tap. Frames of others are counted under the
name of their link type.

| number | name |
| --- | --- |
";
    let (decoder, mut headers) = (Decoder::default(), Headers::default());
    for link in (0..=u16::MAX).map(LinkType) {
        decoder.decode(link, &[0; 256], 256, &mut headers);
        if !matches!(headers.kind, Kind::Unsupported(_)) {
            writeln!(text, "| {} | {link} |", link.0).unwrap();
        }
    }
    text += "
## Tunnels

As in `network.tunnel`. Those that travel in UDP may be told of further ports: `--decap udp:PORT=TUNNEL`.

| tunnel | in UDP |
| --- | --- |
";
    for tunnel in Tunnel::ALL {
        let in_udp = if tunnel.travels_in_udp() { "yes" } else { "" };
        writeln!(text, "| {} | {in_udp} |", tunnel.as_str()).unwrap();
    }
    text += "
## Rows without IP

Frames that carry no IP are counted by their protocol. These have names; others are counted by their number, `0x88e1` for an
EtherType and `llc-0xf0` for an LLC service access point, as `non-ip` where they have none, or as `undecodable`.

";
    let numbered = (0..=u16::MAX).map(Kind::EtherType).chain((0..=u8::MAX).map(Kind::Llc));
    let named: BTreeSet<_> = numbered
        .map(kind_word)
        .filter(|word| !word.contains("0x"))
        .chain(LinkProtocol::ALL.map(|protocol| protocol.as_str().into()))
        .collect();
    for name in named {
        writeln!(text, "- `{name}`").unwrap();
    }
    text += "
## Counted, and not read

These are counted with all their octets, and nothing is made up of what they may hold: `notes` of their records say what they are.

";
    for piece in Piece::ALL {
        writeln!(text, "- {}", piece.as_str()).unwrap();
    }
    text += "- of several frames or packets in one (A-MSDU, ATSC ALP, netlink) all but one, which speaks for all: how many there are
  besides is told
- fragments of IP: later ones go with the flow of the first, and what they hold is put together only where it is DNS
";
    text
}
