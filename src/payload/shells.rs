//! Shells, and what moves files and their versions: SSH, FTP, Telnet, RFB, rlogin, rsync, git, svn.

use super::mail::{Reply, command, is_one_of, names_ftp};
use super::reader::{Reader, check, is_word};
use super::sight::{Said, Sight, peer, server};

/// SSH (RFC 4253 section 4.2).
pub(super) fn ssh(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"SSH-2.0-").is_none() {
        reader.expect(b"SSH-1.")?;
        reader.number()?;
        reader.expect(b"-")?;
    }
    check(matches!(reader.u8()?, 0x21..=0x7e))?;
    Some(Said::PEER)
}

/// The control connection of FTP (RFC 959 sections 4 and 5.4, RFC 2228, RFC 2428, RFC 4217).
pub(super) fn ftp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if let Some(reply) = Reply::read(reader) {
        return match reply.code {
            220 => server(names_ftp(sight.octets())),
            120 | 421 => server(super::reader::holds(reply.text, b"FTP")),
            150 | 200 | 202 | 211 | 212 | 215 | 221 | 226 | 227 | 229..=234 | 250 | 257 => {
                Some(Said::SERVER_WEAK)
            }
            331 | 332 | 350 | 425 | 426 | 430 | 450 | 500..=504 | 530..=534 | 550 => Some(Said::SERVER_WEAK),
            _ => None,
        };
    }
    const VERBS: [&[u8]; 14] = [
        b"SYST", b"FEAT", b"PASV", b"EPSV", b"TYPE", b"PORT", b"EPRT", b"CWD", b"RETR", b"PBSZ", b"USER",
        b"PASS", b"AUTH", b"QUIT",
    ];
    let (verb, rest) = command(&mut reader, &VERBS)?;
    let is_strong = is_one_of(verb, &[b"SYST", b"FEAT", b"PASV", b"EPSV"]) && rest.is_empty()
        || is_one_of(verb, &[b"TYPE"]) && is_one_of(rest, &[b"A", b"I"])
        || is_one_of(verb, &[b"PORT"]) && is_host_port(rest)
        || is_one_of(verb, &[b"EPRT"]) && rest.starts_with(b"|")
        || is_one_of(verb, &[b"CWD", b"RETR"]) && !rest.is_empty()
        || is_one_of(verb, &[b"PBSZ"]) && rest == b"0";
    if is_strong {
        return Some(Said::CLIENT);
    }
    let is_weak = is_one_of(verb, &[b"USER", b"PASS"]) && is_word(rest)
        || is_one_of(verb, &[b"AUTH"]) && is_one_of(rest, &[b"TLS", b"SSL"])
        || is_one_of(verb, &[b"QUIT"]) && rest.is_empty();
    check(is_weak)?;
    Some(Said::CLIENT_WEAK)
}

/// Six numbers of one octet each: address and port (RFC 959 section 5.3.2).
fn is_host_port(text: &[u8]) -> bool {
    let is_octet = |part: &[u8]| {
        let mut reader = Reader::new(part);
        reader.number().is_some_and(|number| number < 256) && reader.is_empty()
    };
    text.split(|&octet| octet == b',').count() == 6 && text.split(|&octet| octet == b',').all(is_octet)
}

/// Telnet (RFC 854, RFC 855): negotiations of options.
pub(super) fn telnet(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let mut count = 0;
    while negotiation(&mut reader).is_some() {
        count += 1;
    }
    check(count > 0)?;
    peer(count >= 2)
}

fn negotiation(reader: &mut Reader<'_>) -> Option<()> {
    reader.expect(&[255])?;
    let verb = reader.u8()?;
    let option = reader.u8()?;
    check(matches!(option, 0..=50 | 138..=140 | 255))?;
    match verb {
        // WILL, WONT, DO, DONT.
        251..=254 => Some(()),
        // SB: up to IAC SE.
        250 => {
            while reader.u8()? != 255 || reader.u8()? != 240 {}
            Some(())
        }
        _ => None,
    }
}

/// RFB, which VNC speaks (RFC 6143 section 7.1.1).
pub(super) fn rfb(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(b"RFB ")?;
    let [a, b, c, dot, d, e, f, end] = reader.array()?;
    check(dot == b'.' && end == b'\n' && [a, b, c, d, e, f].iter().all(u8::is_ascii_digit))?;
    Some(Said::PEER)
}

/// rlogin (RFC 1282): names and a terminal between NULs; too much else has that form.
pub(super) fn rlogin(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(&[0])?;
    if sight.wire() == 1 {
        return Some(Said::CONFIRM);
    }
    check(is_word(reader.until(0)?) && is_word(reader.until(0)?))?;
    let terminal = reader.until(0)?;
    check(is_word(terminal) && terminal.contains(&b'/'))?;
    Some(Said::CONFIRM)
}

/// The daemon of rsync: `@RSYNCD: 31.0`.
pub(super) fn rsync(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(b"@RSYNCD: ")?;
    check(reader.take(2)?.iter().all(u8::is_ascii_digit))?;
    check(matches!(reader.peek(), None | Some(b'.' | b'\n' | b'\r' | b' ')))?;
    Some(Said::PEER)
}

/// The git protocol (gitprotocol-pack): lines that begin with their length in four hexadecimal digits.
pub(super) fn git(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let digits = reader.take(4)?;
    check(digits.iter().all(u8::is_ascii_hexdigit))?;
    let value = |octet: &u8| char::from(*octet).to_digit(16).unwrap_or_default() as usize;
    let len = digits.iter().fold(0, |sum, octet| sum * 16 + value(octet));
    check(len > 4)?;
    for service in [&b"git-upload-pack /"[..], b"git-receive-pack /", b"git-upload-archive /"] {
        if reader.expect(service).is_some() {
            check(len <= sight.wire())?;
            return Some(Said::CLIENT);
        }
    }
    if reader.expect(b"version ").is_some() {
        check(matches!(reader.u8()?, b'1' | b'2'))?;
        return Some(Said::SERVER);
    }
    if reader.expect(b"ERR ").is_some() {
        return Some(Said::SERVER);
    }
    check(reader.take(40)?.iter().all(u8::is_ascii_hexdigit))?;
    reader.expect(b" ")?;
    Some(Said::SERVER)
}

/// The protocol of Subversion: parenthesised lists; the server speaks first.
pub(super) fn svn(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"( success ( ").is_some() || reader.expect(b"( failure ( ").is_some() {
        return Some(Said::SERVER);
    }
    reader.expect(b"( ")?;
    check((1..=9).contains(&reader.number()?))?;
    reader.expect(b" ( ")?;
    // The client names its version, its capabilities, and the URL.
    check(reader.rest().starts_with(b"edit-pipeline"))?;
    Some(Said::CLIENT)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn ssh_banners() {
        peer(TCP, Protocol::SSH, b"SSH-2.0-x\r\n");
        peer(TCP, Protocol::SSH, b"SSH-1.99-x\n");
        nothing(TCP, b"SSH-2.1-x\n");
        nothing(TCP, b"SSH-2.0- x\n");
    }

    #[test]
    fn ftp_commands_and_replies() {
        server(TCP, Protocol::FTP, b"220-Welcome\r\n220 FTP ready\r\n");
        client(TCP, Protocol::FTP, b"PORT 10,0,0,1,4,1\r\n");
        client(TCP, Protocol::FTP, b"TYPE I\r\n");
        weak(TCP, Protocol::FTP, b"USER me\r\n");
        weak(TCP, Protocol::FTP, b"331 Password\r\n");
        nothing(TCP, b"PORT 10,0,0,1,4\r\n");
        nothing(TCP, b"PORT 10,0,0,1,4,256\r\n");
        nothing(TCP, b"TYPE Z\r\n");
        assert_eq!(both(TCP, b"USER me\r\n", b"331 Password\r\n").spoken, Some(Protocol::FTP));
    }

    #[test]
    fn telnet_needs_two() {
        peer(TCP, Protocol::TELNET, &[255, 253, 1, 255, 251, 3]);
        peer(TCP, Protocol::TELNET, &[255, 250, 24, 1, 255, 240, 255, 251, 3]);
        weak(TCP, Protocol::TELNET, &[255, 253, 1, b'x']);
        nothing(TCP, &[255, 253, 99, 255, 251, 3]);
        nothing(TCP, &[255, 255, 255, 255]);
        fits(TCP, Protocol::RLOGIN, b"\0me\0you\0xterm/9600\0");
        nothing(TCP, b"\0me\0you\0xterm\0");
    }

    #[test]
    fn files_and_versions() {
        peer(TCP, Protocol::RFB, b"RFB 003.008\n");
        nothing(TCP, b"RFB 003.008 ");
        peer(TCP, Protocol::RSYNC, b"@RSYNCD: 31.0\n");
        nothing(TCP, b"@RSYNCD: x1.0\n");
        client(TCP, Protocol::GIT, b"001egit-upload-pack /a\0host=b\0");
        nothing(TCP, b"0fffgit-upload-pack /a\0host=b\0");
        server(TCP, Protocol::GIT, b"000eversion 2\n");
        server(TCP, Protocol::GIT, b"00450123456789012345678901234567890123456789 HEAD");
        nothing(TCP, b"00450123456789012345678901234567890123456789-HEAD");
        server(TCP, Protocol::SVN, b"( success ( 2 2 ( ) ( edit-pipeline ) ) ) ");
        client(TCP, Protocol::SVN, b"( 2 ( edit-pipeline svndiff1 ) 10:svn://a/b ) ");
        nothing(TCP, b"( 2 ( other ) 10:svn://a/b ) ");
    }
}
