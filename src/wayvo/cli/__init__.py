"""The command line: commands for the server's machine, and commands that speak with a server over HTTP.

A client command needs ``wayvo[cli]`` only; a server command's module is imported when it is used (see ``main``).
"""
