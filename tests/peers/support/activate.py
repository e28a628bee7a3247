"""Starts a program as systemd does for a `.socket` unit: the descriptors in $SOCKETS come after standard error."""

import fcntl
import os
import sys

sockets = [int(number) for number in os.environ.pop("SOCKETS").split(",")]
# Out of the way first: one may stand where another is to be.
copies = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in sockets]
for place, copy in enumerate(copies, start=3):
    os.dup2(copy, place)
    os.close(copy)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(sockets))
os.execv(sys.argv[1], sys.argv[1:])
