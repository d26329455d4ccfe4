"""Addresses that must not be fetched, by what is wrong with them.

`PORT` stands for that of a listener on this machine that must see no connection.
"""

INSIDE = (
    # This machine and its networks, as people write them.
    *("http://127.0.0.1:PORT/", "http://127.255.255.254:PORT/", "http://localhost:PORT/", "http://LOCALHOST.:PORT/"),
    *("http://db.localhost:PORT/", "http://printer.local/", "http://[::1]:PORT/", "http://0.0.0.0:PORT/"),
    *("http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://100.64.0.1/"),
    *("http://[fe80::1]/", "http://[fc00::1]/", "http://[fec0::1]/", "http://[::]:PORT/", "http://255.255.255.255/"),
    *("http://224.0.0.1/", "http://[ff02::1]/", "http://240.0.0.1/", "http://198.18.0.1/", "http://192.0.2.1/"),
    # Metadata services.
    *("http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/", "http://[fd00:ec2::254]/"),
    *("http://100.100.100.200/", "http://192.0.0.192/", "http://168.63.129.16/", "https://169.254.169.254/"),
    # The same in other spellings.
    *("http://127.1:PORT/", "http://127.0.1:PORT/", "http://2130706433:PORT/", "http://0x7f.1:PORT/"),
    *("http://0x7f000001:PORT/", "http://0177.0.0.1:PORT/", "http://017700000001:PORT/", "http://0:PORT/"),
    *("http://127.0.0.01:PORT/", "http://0x7F.0x0.0x0.0x1:PORT/", "http://127.0.0.1.:PORT/", "http://256.1.1.1/"),
    *("http://2852039166/", "http://0xa9fea9fe/", "http://①②⑦.⓪.⓪.①:PORT/", "http://１２７.0.0.1:PORT/"),
    *("http://127。0。0。1:PORT/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/", "http://local\u00adhost:PORT/", "http://99999999999/"),
    # IPv4 inside IPv6.
    *("http://[::ffff:127.0.0.1]:PORT/", "http://[::ffff:7f00:1]:PORT/", "http://[64:ff9b::7f00:1]:PORT/"),
    *("http://[64:ff9b::127.0.0.1]:PORT/", "http://[2002:7f00:1::]:PORT/", "http://[::127.0.0.1]:PORT/"),
    *("http://[0:0:0:0:0:0:0:1]:PORT/", "http://[::ffff:169.254.169.254]/", "http://[2001:0:7f00:1::]/"),
)
"""This machine and its networks, in every spelling."""

NAMES_OF_INSIDE = (*("http://news.example:PORT/", "https://news.example:PORT/", "http://127.0.0.1.nip.example:PORT/"),)
"""Names that must be looked up to know that they lead there; see who asks for what they resolve to."""

OTHER_SCHEMES = (
    *("file:///etc/passwd", "file:/etc/passwd", "ftp://127.0.0.1:PORT/", "gopher://127.0.0.1:PORT/_x"),
    *("data:text/html,hello", "jar:http://127.0.0.1:PORT!/", "dict://127.0.0.1:PORT/d", "unix:///run/docker.sock"),
    *("javascript:alert(1)", "ldap://127.0.0.1:PORT/", "ws://127.0.0.1:PORT/", "http+unix://%2Frun%2Fx/"),
)

CREDENTIALS = (
    *("http://good@127.0.0.1:PORT/", "http://user:secret@news.example:PORT/", "http://@127.0.0.1:PORT/"),
    *("http://good.example:80@127.0.0.1:PORT/", "http://127.0.0.1:PORT@good.example/", "https://%00@127.0.0.1:PORT/"),
)

UNCLEAR = (
    # What two parsers read differently.
    *("http://127.0.0.1:PORT\\@good.example/", "http:\\\\127.0.0.1:PORT\\", "http://good.example\\.127.0.0.1:PORT/"),
    *("http://good.example#@127.0.0.1:PORT/", "http://good.example?@127.0.0.1:PORT/", "http:///127.0.0.1:PORT/"),
    *("http:127.0.0.1:PORT/", "http:/127.0.0.1:PORT/", "http://", "http://:PORT/", "http://?x", "//127.0.0.1:PORT/"),
    # Control characters and spaces.
    *(
        "http://127.0.0.1:PORT/\r\nHost: x",
        "http://127.0.0.1\t:PORT/",
        "http://127.0.0.1:PORT/a b",
        " http://a.example",
    ),
    *("http://127.0.0.1\0.good.example/", "http://a.example/\x85", "http://a.example/\u2028", "http://a.example/\x7f"),
    *(
        "ht\ntp://127.0.0.1:PORT/",
        "http://a.example/\ud800",
        "http://127.0.0.1:PORT/%0d%0a\n",
        "http://a.example\u3000/",
    ),
    # Hosts and ports that are none.
    *("http://%31%32%37.0.0.1:PORT/", "http://[fe80::1%25lo]:PORT/", "http://[127.0.0.1]:PORT/", "http://[::1:PORT/"),
    *("http://::1/", "http://a..example/", "http://.example/", "http://-a.example/", f"http://{'a' * 64}.example/"),
    *("http://a.example:0/", "http://a.example:65536/", "http://a.example:8x/", "http://a.example:+80/"),
    *("http://a.example:٨٠/", "http://[]:PORT/", "http://a,b.example/", "http://a;b/", "http://a|b/"),
    *("http://℀.example/", "http://xn--a.example\uff0f@127.0.0.1:PORT/x y", f"http://a.example/{'a' * 8000}"),
)
"""What two programs could read differently, and what is no address."""
