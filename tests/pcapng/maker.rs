//! pcapng files made by hand.

/// Blocks made by hand.
pub(super) struct Maker {
    pub(super) big: bool,
    pub(super) octets: Vec<u8>,
}

impl Maker {
    pub(super) fn u32(&self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(super) fn u16(&self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(super) fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
        self.odd_block(kind, body, body.len().next_multiple_of(4))
    }

    /// With a length that counts so many octets of the body.
    fn odd_block(&mut self, kind: u32, body: &[u8], counted: usize) -> &mut Self {
        let length = self.u32(counted as u32 + 12);
        self.octets.extend(self.u32(kind));
        self.octets.extend(length);
        self.octets.extend_from_slice(body);
        self.octets.resize(self.octets.len().next_multiple_of(4), 0);
        self.octets.extend(length);
        self
    }

    fn options(&self, list: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (code, value) in list {
            out.extend(self.u16(*code));
            out.extend(self.u16(value.len() as u16));
            out.extend_from_slice(value);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }

    pub(super) fn section(&mut self, length: u64, options: &[(u16, &[u8])]) -> &mut Self {
        let mut body = [self.u32(0x1a2b_3c4d).to_vec(), self.u16(1).to_vec(), self.u16(0).to_vec()].concat();
        body.extend(if self.big { length.to_be_bytes() } else { length.to_le_bytes() });
        body.extend(self.options(options));
        self.block(0x0a0d_0d0a, &body)
    }

    pub(super) fn interface(&mut self, link: u16, snap_len: u32, options: &[(u16, &[u8])]) -> &mut Self {
        let body = [self.u16(link).to_vec(), vec![0; 2], self.u32(snap_len).to_vec(), self.options(options)];
        self.block(1, &body.concat())
    }

    /// The body of an Enhanced Packet Block or, with `interface` in its upper half, of an obsolete Packet Block.
    pub(super) fn packet_body(
        &self,
        interface: u32,
        ticks: u64,
        octets: &[u8],
        options: &[(u16, &[u8])],
    ) -> Vec<u8> {
        let len = octets.len() as u32;
        let mut body: Vec<u8> = [interface, (ticks >> 32) as u32, ticks as u32, len, len + 1000]
            .into_iter()
            .flat_map(|word| self.u32(word))
            .collect();
        body.extend_from_slice(octets);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.options(options));
        body
    }
}

/// Ethernet, IPv4, UDP from a dynamic port of 192.0.2.1 to `port` of 192.0.2.2.
pub(super) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    frame.extend((28 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    frame.extend(50_000_u16.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend((8 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend_from_slice(payload);
    frame
}

/// A multicast DNS response: `name.local A 192.0.2.7`.
pub(super) fn announcement(label: &[u8]) -> Vec<u8> {
    let mut message = b"\0\0\x84\0\0\0\0\x01\0\0\0\0".to_vec();
    message.push(label.len() as u8);
    message.extend_from_slice(label);
    message.extend_from_slice(b"\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\xc0\0\x02\x07");
    let mut frame = udp(5353, &message);
    frame[30..34].copy_from_slice(&[224, 0, 0, 251]);
    frame[34..36].copy_from_slice(&5353_u16.to_be_bytes());
    frame
}

/// Every kind of block there is, in three sections of which the second has the other byte order.
pub(super) fn everything() -> Vec<u8> {
    let mut file = Maker { big: false, octets: Vec::new() };
    let (dns, http) = (udp(53, b"\0\x01\x02"), udp(7, b"12345"));
    for big in [false, true, false] {
        file.big = big;
        let reversed = file.packet_body(if big { 0x0000_0001 } else { 0x0001_0000 }, 7, &dns, &[]);
        let enhanced = file.packet_body(0, 1 << 50, &dns, &[(2, &[0; 4]), (1, b"theirs"), (0, b"")]);
        let twice =
            file.packet_body(1, 5, &http, &[(1, b"portolan: old"), (2988, b"\x7f\0\0\x01x"), (0, b"")]);
        let plain = file.packet_body(0, 6, &http, &[]);
        let broken =
            [file.packet_body(0, 8, &dns, &[]), file.options(&[(1, b"abcd")])[..4].to_vec()].concat();
        let odd = file.packet_body(0, 9, &http[..45], &[]);
        let simple = [&file.u32(45)[..], &dns].concat();
        let resolution = [file.options(&[(1, b"\xc0\0\x02\x01one\0"), (0, b"")]), vec![]].concat();
        let marked = file.options(&[(2, &[b'n'; 30]), (0, b""), (1, b"portolan: earlier"), (0, b"")]);
        file.section(if big { 5000 } else { u64::MAX }, if big { &[(4, b"editor"), (0, b"")] } else { &[] })
            .block(4, &marked)
            .interface(1, 96, &[(2, b"eth0"), (9, &[9]), (0, b"")])
            .block(6, &enhanced)
            .interface(1, 0, &[])
            .block(6, &twice)
            .block(4, &resolution)
            .block(6, &plain)
            .block(2, &reversed)
            .block(6, &broken)
            .odd_block(6, &odd, 20 + 45)
            .block(10, b"TLSK\x04\0\0\0keys")
            .block(3, &simple)
            .block(0x0bad, b"\0\0\x7f\x01custom")
            .block(0x4000_0bad, b"\0\0\x7f\x01not copied")
            .odd_block(0x8000_0001, b"12345", 5)
            .block(0x77, b"")
            .block(6, &file_announcement(big))
            .block(5, &[0; 12]);
    }
    file.octets
}

fn file_announcement(big: bool) -> Vec<u8> {
    let maker = Maker { big, octets: Vec::new() };
    maker.packet_body(0, 10, &announcement(b"printer"), &[])
}
