"""The provider of author_test.go in Python: it begins with a round without a
credential, reads bodies and refuses inputs. With the setting fault it breaks one
promise. Beside it are plugin.py and provider_pb2.py of examples/plugin-python, and
its __main__.py as ticket.py."""

import provider_pb2 as pb
import ticket
from plugin import Failure, Kind, serve

SHA256 = 5  # as Go's crypto.Hash counts
SETTINGS = ticket.SETTINGS + [pb.Setting(name="fault", type="string", doc="What is wrong.")]


class Author:
    def __init__(self, settings):
        self.buy = ticket.open_ticket(settings)
        self.fault = settings.get("fault", "")

    def authenticate(self, begin, call):
        if "subject" in begin.inputs and "revoked" in begin.inputs["subject"].attach.header.get("Authorization", ""):
            raise Failure(pb.CODE_DENIED, "invalid_grant", input="subject")
        try:
            credential = self.buy(begin, call)
        except Failure as e:
            if self.fault == "role":
                e.error.input = "subject"
            raise
        credential.body.digests.append(SHA256)
        credential.body.raw = 10 << 30 if self.fault == "raw" else 10
        if self.fault == "hash":
            credential.body.digests.append(99)
        return credential

    def authorize(self, request, call):
        attachment = pb.Attachment(learn=["X-Step"])
        if "X-Step" not in request.learned_values or self.fault == "rounds":
            return attachment
        length = request.content_length if request.HasField("content_length") else -1
        if self.fault == "nothing" and length == 0:
            raise Failure(pb.CODE_UNAVAILABLE, "there is nothing to sign")
        steps = list(request.learned_values["X-Step"].values)
        if any(len(s) > 10 or not s.isascii() or not s.isalnum() for s in steps):
            raise Failure(pb.CODE_UNAVAILABLE, "the API's step makes no sense")
        digest = request.digests[SHA256].hex()[:8] if SHA256 in request.digests else ""
        shown = " ".join(f'"{s}"' for s in steps)
        attachment.header["Authorization"] = f"Steps {request.host} {length} {digest} {len(request.body)} [{shown}]"
        return attachment


serve([Kind("author", "Signs requests with a ticket.", SETTINGS, Author)], version="1.0")
