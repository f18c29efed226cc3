"""An app's server that reads triggers as the official Python helper does.

It knows what docs/dialects/giosg.md says under "Triggers" and "Identity", and
PyJWT; nothing of Souk. What the helper takes without asking, this takes without
asking, so that what is missing is an exception here as it would be there.

It prints a line of JSON with its URL, and then one for each trigger: what it
took from it, or why it did not. Its standard input brings, line by line, first
{"souk", "app", "secret"} and then codes to exchange, {"code"}, each of which
is answered by a line as well. It ends with its standard input.
"""

import json
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

CLAIMS = ("user_id", "org_id", "chat_id", "visitor_id", "inst_id", "app_id", "app_user_id", "app_user_code")
TOKEN = ("access_token", "token_type", "user_id", "organization_id", "app_id")

settings = {}
configured = threading.Event()
printing = threading.Lock()


def tell(**line):
    with printing:
        print(json.dumps(line), flush=True)


def why(problem):
    return f"{type(problem).__name__}: {problem}"


def exchange(code):
    """Trades an app user's code for a token that lasts."""
    form = urllib.parse.urlencode({
        "grant_type": "authorization_code",
        "code": code,
        "client_id": settings["app"],
        "client_secret": settings["secret"],
    })
    try:
        with urllib.request.urlopen(settings["souk"] + "/identity/token", form.encode(), timeout=60) as answer:
            got = json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            if refused.code != 400:
                raise
            said = json.load(refused)
        raise ValueError(said["error"] + ": " + said["error_description"]) from None
    return {key: got[key] for key in TOKEN}


def accept(query):
    """Takes what the helper takes from a trigger."""
    trigger = {"type": query["type"]}
    data = jwt.decode(query["data"], settings["secret"], algorithms=["HS256"])
    trigger["claims"] = {key: data[key] for key in CLAIMS}
    if trigger["type"] != "uninstall":
        # Whoever signed it will look at it again: to us it says how long it lasts.
        token = jwt.decode(query["token"], options={"verify_signature": False})
        trigger["token_expires"] = int(token["exp"])
    elif "token" in query:
        raise ValueError("nobody is there to speak for")
    if trigger["type"] == "install":
        trigger["redirect_uri"] = query["redirect_uri"]
    if trigger["claims"]["app_user_code"] is not None:
        trigger["exchanged"] = exchange(trigger["claims"]["app_user_code"])
    return trigger


class Handler(BaseHTTPRequestHandler):
    """The trigger URL. It is asked by GET alone, which is all that is defined here."""

    def do_GET(self):
        configured.wait()
        try:
            trigger = accept(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, strict_parsing=True)))
        except Exception as problem:  # all of them are told, whatever they are
            self.answer(400, "This trigger cannot be read.")
            tell(path=self.path, error=why(problem))
        else:
            self.answer(200, "Ready.")
            tell(path=self.path, trigger=trigger)

    def answer(self, status, text):
        body = ("<!doctype html><html lang=en><title>An app</title><h1>" + text + "</h1>").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tell(url=f"http://127.0.0.1:{server.server_port}/trigger")
    for line in sys.stdin:
        if not configured.is_set():
            settings.update(json.loads(line))
            configured.set()
            continue
        try:
            tell(exchanged=exchange(json.loads(line)["code"]))
        except Exception as problem:
            tell(error=why(problem))


if __name__ == "__main__":
    main()
