"""Serves providers to authsession: all of docs/plugin-protocol.md that is not
about tickets. Copy this file and provider_pb2.py to begin a plugin of your own.

    serve([Kind(name="ticket", summary="…", settings=[…], open=open_ticket)])

Read on in __main__.py for a provider.
"""

import base64
import concurrent.futures
import datetime
import difflib
import os
import re
import secrets
import shutil
import signal
import sys
import threading
import traceback

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import provider_pb2 as pb

MAX_MESSAGE = 4 << 20  # bytes
MAX_CALLS = 256  # that run at once, each on a thread


class Failure(Exception):
    """An error with a meaning: what the host is to do next. input is the role in
    begin.inputs of the credential that the server refused, if it was one of those."""

    def __init__(self, code, message="", retry_after=0, faults=(), local=False, input=""):
        super().__init__(message)
        self.error = pb.Error(code=code, message=message, local=local, input=input)
        if retry_after > 0:
            self.error.retry_after.FromSeconds(retry_after)
        for path, problem in faults:
            self.error.faults.add(path=path, problem=problem)


def bad_config(*faults):
    """Reports faulty settings, each as a list of keys and a text."""
    return Failure(pb.CODE_BAD_CONFIG, faults=faults)


class Kind:
    """One way to authenticate. open(settings) takes a dict of checked settings
    and returns a function authenticate(begin, call) -> pb.Credential, or an
    object with that method and authorize(request, call) -> pb.Attachment; it
    sends nothing."""

    def __init__(self, name, summary, settings, open):
        self.open = open
        self.settings = {s.name: s for s in settings}
        self.description = pb.Kind(name=name, summary=summary, settings=settings)

    def check(self, fields):
        """Returns the values of the settings, or raises all faults at once."""
        faults, values = [], {}
        for name in sorted(fields):
            if name not in self.settings:
                near = difflib.get_close_matches(name.lower(), self.settings, n=1)
                hint = f', did you mean "{near[0]}"?' if near else "; known: " + ", ".join(self.settings)
                faults.append(([name], "unknown key" + hint))
        for name, setting in self.settings.items():
            value = fields[name] if name in fields else pb.Value()
            which = value.WhichOneof("kind")
            if which in (None, "null_value"):
                if setting.required:
                    faults.append(([name], "missing"))
                continue
            try:
                values[name] = READ[setting.type](which, getattr(value, which))
            except ValueError as e:
                faults.append(([name], f"want {WANT[setting.type]}{e}"))
        if faults:
            raise bad_config(*faults)
        return values


FOUND = {
    "bool_value": "true or false", "int_value": "an integer", "double_value": "a number",
    "string_value": "a string", "list_value": "a list", "object_value": "an object",
}


def wrong(which):
    # What text_value holds may be secret: its kind is all that is said.
    return ValueError(f", found {FOUND[which]}" if which in FOUND else "")


def read_string(which, value):
    if which in ("string_value", "text_value"):
        return value
    raise wrong(which)


def read_bool(which, value):
    if which == "bool_value":
        return value
    if which == "text_value" and value in ("true", "false"):
        return value == "true"
    raise wrong(which)


def read_integer(which, value):
    if which == "int_value" or which == "double_value" and value.is_integer():
        return int(value)
    if which == "text_value" and re.fullmatch("-?[0-9]{1,15}", value):
        return int(value)
    raise wrong(which)


# The types that this plugin needs; the protocol has more.
READ = {"string": read_string, "bool": read_bool, "integer": read_integer}
WANT = {"string": "a string", "bool": "true or false", "integer": "an integer"}


def attempt(work):
    """Runs work and returns its result, or None and a pb.Error."""
    try:
        return work(), None
    except Failure as e:
        return None, e.error
    except Exception as e:  # its text may hold a secret: say only where it was
        at = traceback.extract_tb(e.__traceback__)[-1]
        print(f"[ERROR] {type(e).__name__} in {at.name}, line {at.lineno}", file=sys.stderr, flush=True)
        return None, pb.Error(code=pb.CODE_UNAVAILABLE, message=f"the provider failed with {type(e).__name__}")


class Provider:
    """The service authsession.provider.v1.Provider. Sign and Revoke are left out:
    gRPC answers them with UNIMPLEMENTED."""

    def __init__(self, kinds, version):
        self.kinds = {k.description.name: k for k in kinds}
        self.describes = pb.DescribeResponse(kinds=[k.description for k in kinds], version=version)
        self.instances = {}

    def describe(self, request, call):
        return self.describes

    def open(self, request, call):
        def work():
            if request.kind not in self.kinds:
                raise Failure(pb.CODE_BAD_CONFIG, f'the plugin serves no kind "{request.kind}"')
            kind = self.kinds[request.kind]
            instance = kind.open(kind.check(request.settings.fields))
            self.instances[request.instance] = instance
            return [pb.ABILITY_AUTHORIZE] if hasattr(instance, "authorize") else []

        abilities, error = attempt(work)
        return pb.OpenResponse(error=error, abilities=abilities)

    def authenticate(self, requests, call):
        begin = next(requests).begin
        instance = self.instance(begin.instance, call)
        authenticate = getattr(instance, "authenticate", instance)
        credential, error = attempt(lambda: authenticate(begin, call))
        yield pb.AuthenticateResponse(credential=credential) if error is None else pb.AuthenticateResponse(error=error)

    def authorize(self, request, call):
        instance = self.instance(request.instance, call)
        if not hasattr(instance, "authorize"):
            call.abort(grpc.StatusCode.UNIMPLEMENTED, "Authorize is not supported")
        attachment, error = attempt(lambda: instance.authorize(request, call))
        return pb.AuthorizeResponse(attachment=attachment, error=error)

    def instance(self, name, call):
        found = self.instances.get(name)
        if found is None:
            call.abort(grpc.StatusCode.NOT_FOUND, "no such instance")
        return found

    def close(self, request, call):
        self.instances.pop(request.instance, None)
        return pb.CloseResponse()

    def handlers(self):
        def unary(method, request):
            return grpc.unary_unary_rpc_method_handler(
                method, request_deserializer=request.FromString, response_serializer=lambda m: m.SerializeToString())

        return grpc.method_handlers_generic_handler("authsession.provider.v1.Provider", {
            "Describe": unary(self.describe, pb.DescribeRequest),
            "Open": unary(self.open, pb.OpenRequest),
            "Close": unary(self.close, pb.CloseRequest),
            "Authorize": unary(self.authorize, pb.AuthorizeRequest),
            "Authenticate": grpc.stream_stream_rpc_method_handler(
                self.authenticate, request_deserializer=pb.AuthenticateRequest.FromString,
                response_serializer=lambda m: m.SerializeToString()),
        })


def certificate():
    """Makes a key and a certificate for this process alone: PEM, PEM, DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return (
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        cert.public_bytes(pem), cert.public_bytes(serialization.Encoding.DER),
    )


def serve(kinds, version=""):
    """Serves until the host is done. It is the whole main function."""
    if os.environ.get("AUTHSESSION_PLUGIN") != "provider.v1":
        sys.exit("this program is a plugin of authsession: it is started by a program whose configuration names it, not by hand")
    if "1" not in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "").split(","):
        sys.exit("the host does not speak version 1 of the protocol")
    gone = threading.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):  # first of all: the default would leave the folder
        signal.signal(number, lambda *_: gone.set())
    client = os.environ.get("PLUGIN_CLIENT_CERT", "").encode()
    if not client:
        sys.exit("the host offers no certificate")

    key, cert, der = certificate()
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(MAX_CALLS), handlers=[Provider(kinds, version).handlers()],
        options=[("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)])
    folder = os.environ["PLUGIN_UNIX_SOCKET_DIR"]
    socket = os.path.join(folder, "p-" + secrets.token_hex(4))
    server.add_secure_port("unix:" + socket, grpc.ssl_server_credentials(
        [(key, cert)], root_certificates=client, require_client_auth=True))
    server.start()

    try:
        print(f"1|1|unix|{socket}|grpc|{base64.b64encode(der).decode().rstrip('=')}", flush=True)
        os.dup2(2, 1)  # from here on, what is printed is for the log
    except OSError:
        gone.set()  # the host is gone already

    threading.Thread(target=wait_for_host, args=[gone], daemon=True).start()
    gone.wait()
    server.stop(0.5).wait()
    remove(folder)
    os._exit(0)  # also while calls are stuck


def remove(folder):
    """Removes the folder of the socket: a host that was killed cannot. Only a folder
    that the host has made for this process is also its working directory."""
    try:
        is_own = os.path.samefile(folder, ".")
    except OSError:  # it is removed already
        return
    if is_own:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_host(gone):
    """Waits until standard input is closed, as it is when the host ends."""
    while os.read(0, 4096):
        pass
    gone.set()
