"""python3 terminal.py PROGRAM ARGUMENT...: runs a program on a terminal of 80 columns, says all that is shown there, and
ends as the program does. SIGUSR1 presses Ctrl-C, SIGUSR2 answers y.
"""

import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import time

pid, screen = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
answered = False


def answer(*_):
    global answered
    answered = True
    os.write(screen, b"y\r")


def interrupt(*_):
    # No finger is as quick as to press it while the question is still being put away.
    end = time.monotonic() + 10
    while answered and not termios.tcgetattr(screen)[3] & termios.ICANON and time.monotonic() < end:
        time.sleep(0.01)
    os.write(screen, b"\x03")


signal.signal(signal.SIGUSR1, interrupt)
signal.signal(signal.SIGUSR2, answer)
while True:
    try:
        shown = os.read(screen, 4096)
    except OSError:
        break
    if not shown:
        break
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(status if status >= 0 else 128 - status)
