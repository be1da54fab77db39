#!/usr/bin/python3
"""Runs a command under a seccomp filter that forbids to make anything set-uid or set-gid, as
systemd's RestrictSUIDSGID= does.

    restrict_setid.py COMMAND...

chmod, fchmod, fchmodat, fchmodat2, mkdir, mkdirat, mknod, mknodat, open (with O_CREAT), openat and
creat give EPERM when their mode has 04000 or 02000; openat2, whose mode a filter can't see, ENOSYS.
"""
import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
# machine: (audit arch, {system call number: argument that is the mode}, openat2)
MACHINES = {
    "x86_64": (
        0xC000003E,
        {90: 1, 91: 1, 268: 2, 452: 2, 83: 1, 258: 2, 133: 1, 259: 2, 2: 2, 257: 3, 85: 1},
        437,
    ),
    "aarch64": (0xC00000B7, {52: 1, 53: 2, 452: 2, 34: 2, 33: 2, 56: 3}, 437),
}
LOAD, JEQ, JSET, RETURN = 0x20, 0x15, 0x45, 0x06


def program(arch, calls, openat2):
    """Classic BPF over struct seccomp_data: nr at 0, arch at 4, args at 16."""
    code = [(LOAD, 0, 0, 4), (JEQ, 1, 0, arch), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, 0)]
    for number, argument in calls.items():
        code += [
            (JEQ, 0, 5, number),
            (LOAD, 0, 0, 16 + 8 * argument),
            (JSET, 0, 1, 0o6000),
            (RETURN, 0, 0, ERRNO | errno.EPERM),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, ALLOW),  # never reached; keeps each block six long
        ]
    code += [(JEQ, 0, 1, openat2), (RETURN, 0, 0, ERRNO | errno.ENOSYS), (RETURN, 0, 0, ALLOW)]
    return code


def main():
    machine = MACHINES.get(platform.machine())
    if machine is None:
        sys.exit(77)
    code = program(*machine)
    raw = b"".join(struct.pack("HBBI", *instruction) for instruction in code)
    buffer = ctypes.create_string_buffer(raw, len(raw))
    fprog = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    pointer = ctypes.create_string_buffer(fprog, len(fprog))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(pointer), 0, 0
    ) != 0:
        print("restrict_setid: %s" % os.strerror(ctypes.get_errno()), file=sys.stderr)
        sys.exit(77)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
