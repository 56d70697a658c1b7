#!/usr/bin/perl
# usage: plain.pl IN.pcapng OUT.pcapng
# Drops the options that describe the recording machine: processor and kernel in the section header
# (shb_hardware, shb_os) and the kernel in each interface description (if_os). All else stays as it is.
use strict;
use warnings;

my ($in, $out) = @ARGV;
open(my $from, '<:raw', $in) or die "$in: $!\n";
my $octets = do { local $/; <$from> };
open(my $to, '>:raw', $out) or die "$out: $!\n";

my %fixed = (0x0A0D0D0A => 16, 1 => 8);    # octets of the body before its options
my %drop = (0x0A0D0D0A => { 2 => 1, 3 => 1 }, 1 => { 12 => 1 });
for (my $at = 0; $at < length $octets;) {
    my ($type, $length) = unpack('VV', substr($octets, $at, 8));
    my $body = substr($octets, $at + 8, $length - 12);
    $at += $length;
    if (my $start = $fixed{$type}) {
        my $kept = substr($body, 0, $start);
        while ($start < length $body) {
            my ($code, $size) = unpack('vv', substr($body, $start, 4));
            my $whole = 4 + $size + (-$size % 4);
            $kept .= substr($body, $start, $whole) unless $drop{$type}{$code};
            $start += $whole;
        }
        # The section's length would be wrong now; -1 leaves it open.
        substr($kept, 8, 8) = "\xff" x 8 if $type == 0x0A0D0D0A;
        $body = $kept;
    }
    my $total = pack('V', 12 + length $body);
    print $to pack('V', $type), $total, $body, $total;
}
close($to) or die "$out: $!\n";
