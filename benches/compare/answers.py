"""Fetches single answers, and proves that they are right before anything is measured."""

import http.client
import json


def fetch(port, path, headers=None, limit=60):
    """Status, headers and body of a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limit)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def good(port, path, headers=None, limit=60):
    """The body of a 200; anything else ends the comparison."""
    status, _, body = fetch(port, path, headers, limit)
    if status != 200:
        raise SystemExit(f"{path} got {status}: {body[:500]!r}")
    return body


def is_ready(port):
    """Whether the gateway accepts requests."""
    try:
        return fetch(port, "/health/ready", limit=1)[0] == 200
    except OSError:
        return False


def roll(shape, number):
    """The path of a roll."""
    return f"/customers/{shape}_{number:027d}/users"


def prove_joined(name, body, shape):
    """Ends the comparison if a roll of this shape is not joined correctly."""
    fault = misjoined(json.loads(body)["data"], shape)
    if fault:
        raise SystemExit(f"{name} joins wrongly: {fault}")


def misjoined(users, shape):
    """What is wrong with the users of a roll, or None.

    >>> ann = {"email": "Ann@a.example", "sources": [{"source": "advanced_automation"}, {"source": "my_reports"}]}
    >>> bob = {"email": "bob@a.example", "sources": [{"source": "my_reports"}]}
    >>> misjoined([ann, bob], "1_2_1")
    >>> misjoined([ann, bob], "1_2_0")
    '2 users, not 3'
    >>> misjoined([bob, {**bob, "email": "BOB@a.example"}], "1_1_0")
    'an address occurs in two users'
    >>> misjoined([ann, {**ann, "email": "c@a.example"}], "1_2_1")
    'users in both, only the first, only the second: [2, 0, 0], not [1, 0, 1]'
    """
    persons, others, both = (int(text) for text in shape.split("_"))
    if len(users) != persons + others - both:
        return f"{len(users)} users, not {persons + others - both}"
    if len({user["email"].lower() for user in users}) != len(users):
        return "an address occurs in two users"
    told = [{source["source"] for source in user["sources"]} for user in users]
    counts = [told.count(set(names)) for names in (["advanced_automation", "my_reports"], ["advanced_automation"], ["my_reports"])]
    wanted = [both, persons - both, others - both]
    return None if counts == wanted else f"users in both, only the first, only the second: {counts}, not {wanted}"
