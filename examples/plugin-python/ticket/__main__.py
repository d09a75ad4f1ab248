"""Tickets of an imaginary ticket office: POST a key over HTTPS, get a ticket
that is good for some seconds. The same provider as in
docs/writing-a-provider.md, as a plugin."""

import email.utils
import http.client
import ipaddress
import json
import re
import socket
import ssl
import time
import urllib.parse

import provider_pb2 as pb
from plugin import Failure, Kind, bad_config, serve

MAX_ANSWER = 1 << 20  # bytes
MAX_LIFE = 366 * 24 * 3600  # seconds
MAX_WAIT = 30  # seconds, where the host has set no limit

SETTINGS = [
    pb.Setting(name="url", type="string", required=True, doc="Where tickets are issued, as https://host/path."),
    pb.Setting(name="key", type="string", required=True, secret=True, doc="The key that the ticket office knows."),
    pb.Setting(name="ca", type="string", doc="The PEM certificates that the office is verified with. Empty: the system's."),
]


def open_ticket(settings):
    """Checks what the types of the settings do not say."""
    try:
        url = urllib.parse.urlsplit(settings["url"])
        url.port  # raises if it is none
    except ValueError:
        raise bad_config((["url"], "want a URL, such as https://host/path")) from None
    if not url.hostname or url.scheme != "https" and not (url.scheme == "http" and loopback(url.hostname)):
        raise bad_config((["url"], "want an https URL"))
    try:
        tls = ssl.create_default_context(cadata=settings.get("ca") or None)
    except (ssl.SSLError, ValueError):
        raise bad_config((["ca"], "want PEM certificates")) from None
    return lambda begin, call: buy(url, settings["key"].encode(), tls, call)


def loopback(host):
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def buy(url, key, tls, call):
    """Buys a ticket. It follows no redirect and keeps no connection."""
    wait = min(call.time_remaining() or MAX_WAIT, MAX_WAIT)
    if url.scheme == "https":
        conn = http.client.HTTPSConnection(url.hostname, url.port, timeout=wait, context=tls)
    else:
        conn = http.client.HTTPConnection(url.hostname, url.port, timeout=wait)
    who = url.netloc.rpartition("@")[2]
    try:
        conn.connect()
        sock = conn.sock
        if not call.add_callback(lambda: hang_up(sock)):
            hang_up(sock)  # the host does not wait any more
        path = urllib.parse.quote(url.path or "/", safe="/%:@!$&'()*+,;=~") + ("?" + url.query if url.query else "")
        conn.request("POST", path, body=key, headers={"Connection": "close", "Accept": "application/json"})
        answer = conn.getresponse()
        body = answer.read(MAX_ANSWER + 1)
    except ssl.SSLCertVerificationError as e:
        raise Failure(pb.CODE_BAD_CONFIG, f"the certificate of {who}: {e.verify_message}") from None
    except ssl.SSLError as e:
        raise Failure(pb.CODE_BAD_CONFIG, f"{who} does not speak TLS as it should: {e.reason}") from None
    except TimeoutError:
        raise Failure(pb.CODE_UNAVAILABLE, f"{who} did not answer in time") from None
    except OSError as e:
        raise Failure(pb.CODE_UNAVAILABLE, f"{who}: {e.strerror or type(e).__name__}") from None
    except (http.client.HTTPException, ValueError, AttributeError) as e:
        raise Failure(pb.CODE_UNAVAILABLE, f"{who} does not answer as it should: {type(e).__name__}") from None
    finally:
        conn.close()
    refuse(who, answer)
    return ticket(who, body)


def hang_up(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed already


def refuse(who, answer):
    """Raises what a status means that is no success."""
    status = answer.status
    if 200 <= status < 300:
        return
    wait = 0
    if 300 <= status < 400:
        code = pb.CODE_BAD_CONFIG  # it would take the key elsewhere
    elif status in (408, 425, 429) or status >= 500:
        code, wait = pb.CODE_UNAVAILABLE, retry_after(answer.getheader("Retry-After") or "")
    elif status in (404, 405):
        code = pb.CODE_BAD_CONFIG
    else:
        code = pb.CODE_DENIED
    raise Failure(code, f"{who} answers {status}", retry_after=wait)


def retry_after(text):
    """Reads seconds or a date (RFC 9110 §10.2.3); 0 for nonsense, an hour at most."""
    if re.fullmatch("[0-9]{1,20}", text):
        return min(int(text), 3600)
    try:
        return max(0, min(int(email.utils.parsedate_to_datetime(text).timestamp() - time.time()), 3600))
    except (ValueError, TypeError, OverflowError):
        return 0


def ticket(who, body):
    """Reads {"ticket": "row-7-seat-12", "seconds": 60}."""
    try:
        answer = json.loads(body) if len(body) <= MAX_ANSWER else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Failure(pb.CODE_UNAVAILABLE, f"the answer of {who} makes no sense")
    text, seconds = answer.get("ticket"), answer.get("seconds")
    if not isinstance(text, str) or not re.fullmatch("[!-~]{1,8192}", text):
        raise Failure(pb.CODE_UNAVAILABLE, f"the answer of {who} has no ticket")
    if type(seconds) is not int or not 0 < seconds <= MAX_LIFE:
        raise Failure(pb.CODE_UNAVAILABLE, f"the answer of {who} does not say how long the ticket is good")
    credential = pb.Credential(attach=pb.Attachment(header={"Authorization": "Ticket " + text}))
    credential.expiry.FromSeconds(int(time.time()) + seconds)
    return credential


if __name__ == "__main__":
    serve([Kind("ticket", "Tickets of the ticket office.", SETTINGS, open_ticket)], version="1.0")
