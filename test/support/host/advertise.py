"""
What ucarp cannot do for carp.ts: say CARP advertisements with another skew at once, and tell those of others.

    python3 advertise.py INTERFACE VHID SOURCE SHARED

SOURCE is the host's own address, SHARED the one that CARP moves. Needs root; ends when its input ends.

Input, a line each:
    speak SKEW   advertise with this skew now, and then as often as CARP does with it
    say SKEW     advertise with this skew once
    quiet        speak no more
    arp          tell everybody that SHARED is here
Output, a line each:
    heard SKEW BASE SOURCE   an advertisement of another host

It needs no key: neither skew nor base are under the HMAC of an advertisement (carp_hmac_generate in FreeBSD's
ip_carp.c, the same in ucarp), and ucarp does not look at the counter. So the last one on the wire is said again, in
this host's name and with the other skew.
"""

import ctypes
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
ETH_P_IP = 0x0800
PROTOCOL = 112
HEADER = 36

interface, vhid, source, shared = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def only_carp(link):
    """A BPF program, so that the rest of the host's traffic does not wake us: IPv4 with CARP's protocol number."""
    code = [(0x28, 0, 0, 12), (0x15, 0, 3, ETH_P_IP), (0x30, 0, 0, 23), (0x15, 0, 1, PROTOCOL), (6, 0, 0, 65535), (6, 0, 0, 0)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
    so_attach_filter = 26
    link.setsockopt(socket.SOL_SOCKET, so_attach_filter, struct.pack("HL", len(code), ctypes.addressof(program)))


link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
only_carp(link)
# Only a socket for all protocols is shown what the host itself sends.
link.bind((interface, ETH_P_ALL))
own_mac = link.getsockname()[4]

template = None
speaking = None
due = None


def parse(frame):
    """The offset of the CARP header, or None if this is not an advertisement of our vhid."""
    at = 14 + (frame[14] & 15) * 4
    if len(frame) < at + HEADER or frame[23] != PROTOCOL or frame[at + 1] != vhid:
        return None
    return at


def advertise(skew):
    if template is None:
        return
    frame = bytearray(template)
    at = parse(frame)
    frame[6:12] = own_mac
    frame[26:30] = socket.inet_aton(source)
    frame[24:26] = b"\0\0"
    frame[24:26] = struct.pack("!H", checksum(bytes(frame[14:at])))
    frame[at + 2] = skew
    frame[at + 6 : at + 8] = b"\0\0"
    frame[at + 6 : at + 8] = struct.pack("!H", checksum(bytes(frame[at : at + HEADER])))
    send(bytes(frame[: at + HEADER]))


def announce():
    """A gratuitous ARP request, as the kernel sends when it becomes master."""
    address = socket.inet_aton(shared)
    head = struct.pack("!HHBBH", 1, ETH_P_IP, 6, 4, 1)
    send(b"\xff" * 6 + own_mac + b"\x08\x06" + head + own_mac + address + b"\0" * 6 + address)


def send(frame):
    try:
        link.send(frame)
    except OSError as error:
        # The link is down: as with the kernel nobody hears it.
        sys.stderr.write("not sent: %s\n" % error)


def obey(line):
    global speaking, due
    words = line.split()
    if words[0] == "speak":
        speaking = int(words[1])
        advertise(speaking)
        due = time.monotonic() + 1 + speaking / 256
    elif words[0] == "say":
        advertise(int(words[1]))
    elif words[0] == "quiet":
        speaking = None
    elif words[0] == "arp":
        announce()


def hear():
    global template
    try:
        frame, address = link.recvfrom(2048)
    except OSError:
        # The interface went down.
        return
    at = parse(frame)
    if at is None:
        return
    template = frame
    theirs = socket.inet_ntoa(frame[26:30])
    if theirs != source:
        print("heard %d %d %s" % (frame[at + 2], frame[at + 5], theirs), flush=True)


orders = b""
while True:
    wait = None if speaking is None else max(0, due - time.monotonic())
    ready, _, _ = select.select([sys.stdin, link], [], [], wait)
    if link in ready:
        hear()
    if sys.stdin in ready:
        read = sys.stdin.buffer.raw.read(4096)
        if not read:
            break
        *lines, orders = (orders + read).split(b"\n")
        for line in lines:
            obey(line.decode())
    if speaking is not None and time.monotonic() >= due:
        advertise(speaking)
        due = time.monotonic() + 1 + speaking / 256
