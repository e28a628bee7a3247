"""Guesses at passwords, from many addresses, and what a directory counts of them."""

import http.client
import ssl
import subprocess
import threading

from .people import LOCKED
from .rst import PATH13, Rst, send
from .slapd import ROOT_DN, ROOT_PASSWORD

HOME = "198.51.100.7"
# A balancer of ours says whom it speaks for.
BEHIND = {"trusted_proxies": ["127.0.0.1"], "limits": {"sign_in_deadline": "60s"}}
QUICK = {"failure_delay": "0s", "threshold": 3}
AT_ONCE = 8

POLICY = """\
dn: cn=strict,dc=example,dc=com
changetype: add
objectClass: applicationProcess
objectClass: pwdPolicy
cn: strict
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 5
"""


def lock_after_five(directory):
    """The directory locks an account after five wrong passwords."""
    directory.modify(POLICY)
    for person in LOCKED:
        policy = "add: pwdPolicySubentry\npwdPolicySubentry: cn=strict,dc=example,dc=com\n"
        directory.modify(f"dn: {person.dn}\nchangetype: modify\n{policy}")


def counted(directory, person):
    """How many wrong passwords the directory has counted, and whether it has locked the account."""
    command = ["ldapsearch", "-x", "-LLL", "-H", directory.plain_url, "-D", ROOT_DN, "-w", ROOT_PASSWORD, "-b", person.dn]
    told = subprocess.run([*command, "pwdFailureTime", "pwdAccountLockedTime"], check=True, capture_output=True).stdout
    return told.count(b"pwdFailureTime:"), b"pwdAccountLockedTime:" in told


def of(address):
    return {"X-Forwarded-For": address}


def sign_in_from(proxy, person, address):
    return send(proxy, Rst(user=person.upn, password=person.password), **of(address))


def guess_all(proxy, guesses):
    """Sends (name, password, address) after (name, password, address); how often each status came back."""
    body = Rst(user="NAME", password="PASSWORD").text()
    left, lock, statuses = iter(guesses), threading.Lock(), []
    tls = ssl.create_default_context(cafile=str(proxy.ca))

    def run():
        connection = http.client.HTTPSConnection("localhost", proxy.port, timeout=60, context=tls)
        while True:
            with lock:
                guess = next(left, None)
            if guess is None:
                return connection.close()
            name, password, address = guess
            headers = {"Content-Type": "application/soap+xml; charset=utf-8", **of(address)}
            connection.request("POST", PATH13, body.replace("NAME", name).replace("PASSWORD", password), headers)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)

    threads = [threading.Thread(target=run) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
