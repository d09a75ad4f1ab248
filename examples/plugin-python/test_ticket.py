"""What the conformance kit cannot see: the host checks settings by their
description before they reach the plugin, which must not rely on that, and it
removes the folder of the socket itself, unless it was killed.

Run with /usr/bin/python3 test_ticket.py."""

import email.utils
import importlib.util
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(here, "ticket"))

import plugin  # noqa: E402
import provider_pb2 as pb  # noqa: E402

spec = importlib.util.spec_from_file_location("ticket", os.path.join(here, "ticket", "__main__.py"))
ticket = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ticket)

KIND = plugin.Kind("ticket", "Tickets.", ticket.SETTINGS + [
    pb.Setting(name="on", type="bool", doc="."), pb.Setting(name="n", type="integer", doc=".")], ticket.open_ticket)

GOOD = {"url": pb.Value(string_value="https://office.example.com/tickets"), "key": pb.Value(text_value="k")}


def faults(call, *args):
    """The faults that a call raises, as path and problem."""
    try:
        call(*args)
    except plugin.Failure as e:
        assert e.error.code == pb.CODE_BAD_CONFIG
        return [(list(f.path), f.problem) for f in e.error.faults]
    return []


class Settings(unittest.TestCase):
    def test_good(self):
        values = KIND.check({**GOOD, "on": pb.Value(text_value="true"), "n": pb.Value(double_value=7), "ca": pb.Value(null_value=True)})
        self.assertEqual(values, {"url": "https://office.example.com/tickets", "key": "k", "on": True, "n": 7})

    def test_all_faults_at_once(self):
        got = faults(KIND.check, {
            "kye": pb.Value(text_value="canary"), "unheard_of": pb.Value(string_value="canary"), "url": pb.Value(int_value=5),
            "on": pb.Value(string_value="yes"), "n": pb.Value(text_value="canary"), "ca": pb.Value(list_value=pb.List()),
        })
        self.assertEqual(got, [
            (["kye"], 'unknown key, did you mean "key"?'), (["unheard_of"], "unknown key; known: url, key, ca, on, n"),
            (["url"], "want a string, found an integer"), (["key"], "missing"), (["ca"], "want a string, found a list"),
            (["on"], "want true or false, found a string"), (["n"], "want an integer"),
        ])

    def test_strange_numbers(self):
        for value in (float("inf"), float("nan"), 1.5):
            self.assertEqual(len(faults(KIND.check, {**GOOD, "n": pb.Value(double_value=value)})), 1, value)

    def test_what_types_do_not_say(self):
        for url in ("http://office.example.com", "https://", "ftp://h", "office", "https://h:99999", "https://[::1", ""):
            self.assertEqual([path for path, _ in faults(ticket.open_ticket, {"url": url, "key": "k"})], [["url"]], url)
        for ca in ("canary", "-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----"):
            self.assertEqual(faults(ticket.open_ticket, {"url": "https://h", "key": "k", "ca": ca}), [(["ca"], "want PEM certificates")])
        for url in ("http://127.0.0.1:1/x", "http://[::1]/", "http://localhost"):
            self.assertTrue(callable(ticket.open_ticket({"url": url, "key": "k"})))


class Service(unittest.TestCase):
    def setUp(self):
        self.provider = plugin.Provider([KIND], "1")

    def open(self, **fields):
        return self.provider.open(pb.OpenRequest(instance="1", kind="ticket", settings=pb.Object(fields=fields)), None)

    def test_open_and_close(self):
        self.assertFalse(self.open(**GOOD).HasField("error"))
        self.assertIn("1", self.provider.instances)
        for _ in range(2):
            self.provider.close(pb.CloseRequest(instance="1"), None)
        self.assertFalse(self.provider.instances)

    def test_open_fails(self):
        self.assertEqual(self.open(url=GOOD["url"]).error.faults[0].problem, "missing")
        got = self.provider.open(pb.OpenRequest(kind="tickets"), None).error
        self.assertEqual((got.code, got.message), (pb.CODE_BAD_CONFIG, 'the plugin serves no kind "tickets"'))

    def test_unknown_fields_are_ignored(self):
        m = pb.OpenRequest.FromString(b"\x0a\x011\x8a\xe6\x03\x05later")
        self.assertEqual(m.instance, "1")

    def test_authorize(self):
        class Signs:
            def authenticate(self, begin, call):
                return pb.Credential(subject="me")

            def authorize(self, request, call):
                return pb.Attachment(header={"Signature": request.digests[5].hex()}, learn=["X-Step"])

        provider = plugin.Provider([plugin.Kind("signs", "Signs.", [], lambda settings: Signs())], "1")
        opened = provider.open(pb.OpenRequest(instance="1", kind="signs"), None)
        self.assertEqual(list(opened.abilities), [pb.ABILITY_AUTHORIZE])
        begin = pb.AuthenticateRequest(begin=pb.Begin(instance="1"))
        self.assertEqual(next(provider.authenticate(iter([begin]), None)).credential.subject, "me")
        answer = provider.authorize(pb.AuthorizeRequest(instance="1", digests={5: b"\x01"}), None)
        self.assertEqual((answer.attachment.header["Signature"], list(answer.attachment.learn)), ("01", ["X-Step"]))
        self.assertFalse(answer.HasField("error"))
        self.assertFalse(self.open(**GOOD).abilities)

    def test_an_unexpected_failure_shows_nothing(self):
        def work():
            raise KeyError("canary")

        stderr, sys.stderr = sys.stderr, open(os.devnull, "w")
        try:
            _, error = plugin.attempt(work)
        finally:
            sys.stderr.close()
            sys.stderr = stderr
        self.assertEqual((error.code, error.message), (pb.CODE_UNAVAILABLE, "the provider failed with KeyError"))


class Answers(unittest.TestCase):
    def test_retry_after(self):
        soon = email.utils.formatdate(time.time() + 90, usegmt=True)
        for text, least, most in (("7", 7, 7), (soon, 80, 90), ("9" * 20, 3600, 3600), ("9" * 21, 0, 0), ("-5", 0, 0), ("soon", 0, 0), ("", 0, 0), ("٣", 0, 0)):
            self.assertTrue(least <= ticket.retry_after(text) <= most, text)

    def test_tickets(self):
        good = ticket.ticket("h", b'{"ticket": "a", "seconds": 60}')
        self.assertEqual(good.attach.header["Authorization"], "Ticket a")
        for body in (b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"ticket": 5, "seconds": 60}', b'{"ticket": "a\\nb", "seconds": 60}',
                     b'{"ticket": "a"}', b'{"ticket": "a", "seconds": true}', b'{"ticket": "a", "seconds": -1}', b'{"ticket": "a", "seconds": 1e400}'):
            with self.assertRaises(plugin.Failure, msg=body[:40]) as caught:
                ticket.ticket("h", body)
            self.assertEqual(caught.exception.error.code, pb.CODE_UNAVAILABLE)


class Failures(unittest.TestCase):
    def test_local(self):
        self.assertFalse(plugin.Failure(pb.CODE_UNAVAILABLE, "x").error.local)
        self.assertTrue(plugin.Failure(pb.CODE_UNAVAILABLE, "x", local=True).error.local)

    def test_input(self):
        self.assertEqual(plugin.Failure(pb.CODE_DENIED, "x", input="subject_token").error.input, "subject_token")


class Certificate(unittest.TestCase):
    def test_is_for_localhost(self):
        _, pem, der = plugin.certificate()
        self.assertEqual(ssl.PEM_cert_to_DER_cert(pem.decode()), der)
        self.assertGreater(len(der), 50)


class End(unittest.TestCase):
    """How the process ends: it removes its socket and the folder, and no folder of others."""

    def start(self, folder, cwd):
        _, pem, _ = plugin.certificate()
        env = {"AUTHSESSION_PLUGIN": "provider.v1", "PLUGIN_PROTOCOL_VERSIONS": "1", "PLUGIN_CLIENT_CERT": pem.decode(),
               "PLUGIN_UNIX_SOCKET_DIR": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        program = subprocess.Popen([sys.executable, os.path.join(here, "ticket")], cwd=cwd, env=env,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(program.stdin.close)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        line = program.stdout.readline().decode()
        self.assertRegex(line, r"^1\|1\|unix\|[^|]+\|grpc\|[A-Za-z0-9+/]{50,}$")
        self.assertTrue(os.path.exists(line.split("|")[3]))
        return program

    def check(self, end, is_own=True):
        parent = tempfile.mkdtemp(prefix="end")
        self.addCleanup(shutil.rmtree, parent, ignore_errors=True)
        folder = os.path.join(parent, "plugin-dir1")
        os.mkdir(folder, 0o700)
        program = self.start(folder, folder if is_own else parent)
        end(program)
        self.assertEqual(program.wait(timeout=20), 0)
        self.assertEqual(os.listdir(parent), [] if is_own else ["plugin-dir1"])

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            self.check(lambda program: program.send_signal(number))

    def test_end_of_the_host(self):
        self.check(lambda program: program.stdin.close())

    def test_folder_of_others(self):
        self.check(lambda program: program.send_signal(signal.SIGTERM), is_own=False)


if __name__ == "__main__":
    unittest.main()
