"""What the tests stand on: real peers as child processes, messages as clients write them, judges of the answers."""
