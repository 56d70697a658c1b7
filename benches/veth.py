"""Two network namespaces that a veth pair joins, called lan0 in both: for benches of live commands."""

import os
import subprocess


def names(bench):
    """The namespaces of the sender and of the listeners."""
    return tuple(f"portolan-{bench}-{os.getpid()}-{end}" for end in "ab")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True)


def join(*namespaces):
    """Makes both, with nothing of their own on the wire."""
    sender, listener = namespaces
    for namespace in namespaces:
        run("ip", "netns", "add", namespace)
    run("ip", "link", "add", "lan0", "netns", sender, "type", "veth", "peer", "name", "lan0", "netns", listener)
    for namespace in namespaces:
        run("ip", "netns", "exec", namespace, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
        run("ip", "-netns", namespace, "link", "set", "lan0", "up")


def part(*namespaces):
    """Takes them away, as far as they are there."""
    for namespace in namespaces:
        subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)
