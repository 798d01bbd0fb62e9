"""The client of Wayvo's HTTP API: what the command line needs now, what the SDK grows from.

It sees only ``wayvo.core``. ``calls`` says what can be asked, ``models`` what is sent and answered, ``flow`` holds the
conversation without I/O (retries, paging, refusals), and ``sync`` drives it over httpx.
"""
