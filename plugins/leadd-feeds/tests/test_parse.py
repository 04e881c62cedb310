"""Reading feeds: formats, names, texts, and documents that are none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leadd_feeds.entries import Entry, NotAFeed, name_entries, oldest_first
from leadd_feeds.guard import MAX_BYTES
from leadd_feeds.html_text import html_to_text
from leadd_feeds.parse import read_feed

URL = "https://host.example/blog/feed"


def rss(*items: str, head: str = "") -> bytes:
    body = "".join(f"<item>{item}</item>" for item in items)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>T</title>{head}{body}</channel></rss>'.encode()


def test_rss_with_guids_dates_and_relative_links() -> None:
    feed = read_feed(
        rss(
            "<guid>g1</guid><link>/jobs/1</link><title>Hi &amp; ho</title>"
            "<description>&lt;p&gt;A &lt;b&gt;b&lt;/b&gt;&lt;/p&gt;</description>"
            "<pubDate>Thu, 01 Jan 2026 12:00:00 +0100</pubDate><category>x</category><author>a@b.example (Ann)</author>",
            '<guid isPermaLink="true">https://host.example/2</guid><title>Two</title>',
            head="<ttl>90</ttl><skipHours><hour>1</hour><hour>24</hour></skipHours>",
        ),
        url=URL,
    )
    one, two = feed.entries
    assert (feed.format, feed.title, feed.ttl_s, feed.skip_hours, feed.fault) == ("rss20", "T", 5400, {0, 1}, "")
    assert (one.guid, one.link, one.title, one.text) == ("g1", "https://host.example/jobs/1", "Hi & ho", "A b")
    assert (one.posted_at_ms, one.tags) == (1767265200000, ("x",))
    assert (two.guid, two.link, two.posted_at_ms) == ("https://host.example/2", "https://host.example/2", None)


def test_atom_prefers_content_to_summary() -> None:
    feed = read_feed(
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry><id>urn:1</id>'
        b'<title type="html">&lt;b&gt;B&lt;/b&gt;</title>'
        b'<link href="https://h.example/1"/><summary>short</summary><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">'
        b"<p>Long <i>one</i></p></div></content><updated>2026-01-01T00:00:00Z</updated></entry>"
        b"<entry><id>urn:2</id><title>x</title><summary>only this</summary></entry></feed>",
        url=URL,
    )
    assert [(e.guid, e.title, e.text) for e in feed.entries] == [("urn:1", "B", "Long one"), ("urn:2", "x", "only this")]


def test_rdf_and_old_rss() -> None:
    rdf = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
        b'<channel rdf:about="x"><title>R</title></channel><item rdf:about="https://h.example/1"><title>T</title>'
        b"<link>https://h.example/1</link><description>D</description></item></rdf:RDF>"
    )
    assert [(e.link, e.text) for e in read_feed(rdf, url=URL).entries] == [("https://h.example/1", "D")]
    old = b'<rss version="0.91"><channel><item><title>T</title><link>https://h.example/2</link></item></channel></rss>'
    assert read_feed(old, url=URL).format.startswith("rss09")


def test_json_feed() -> None:
    items = [
        {
            "id": 7,
            "url": "/a",
            "title": "T",
            "content_html": "<p>x</p>",
            "date_published": "2026-01-01T00:00:00Z",
            "tags": ["t", 1],
        },
        {"id": "b", "content_text": "plain <b>", "authors": [{"name": "Ann"}], "external_url": "https://e.example"},
        {"id": "c", "url": "javascript:alert(1)", "summary": "s"},
        "no object",
    ]
    body = b"\xef\xbb\xbf" + json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": items}).encode()
    feed = read_feed(body, url=URL)
    assert (feed.format, feed.fault) == ("json11", "1 items are no objects")
    assert [(e.guid, e.link, e.text, e.author, e.tags) for e in feed.entries] == [
        ("7", "https://host.example/a", "x", None, ("t",)),
        ("b", "https://e.example", "plain <b>", "Ann", ()),
        ("c", None, "s", None, ()),
    ]
    assert feed.entries[0].posted_at_ms == 1767225600000


@pytest.mark.parametrize(
    ("body", "reason", "hint"),
    [
        (b"", "it is empty", ""),
        (b"hello", "it is not a feed", ""),
        (b"/etc/passwd", "it is not a feed", ""),
        (b"[1]", "not a JSON Feed", ""),
        (b'{"items": []}', "not a JSON Feed", ""),
        (b'{"version"', "no sound JSON", ""),
        (b"[" * 100_000, "no sound JSON", ""),
        (b"<offers><offer/></offers>", "XML of another kind (<offers>)", ""),
        (b"<!DOCTYPE html><title>x</title>", "it is a web page", "look for a link"),
        (
            b'<html><link rel="alternate" type="application/rss+xml" href="/f.xml?a=1&amp;b=2">',
            "it is a web page",
            "https://host.example/f.xml?a=1&b=2",
        ),
        (b"<html><link type=application/atom+xml href=javascript:x>", "it is a web page", "look for a link"),
        (b"\x1f\x8bbroken", "packing is broken", ""),
        (gzip.compress(b"\0" * (MAX_BYTES + 10)), "larger than", ""),
    ],
)
def test_what_is_no_feed_is_told_with_a_way_out(body: bytes, reason: str, hint: str) -> None:
    with pytest.raises(NotAFeed) as caught:
        read_feed(body, url=URL)
    assert reason in caught.value.reason
    assert hint in caught.value.hint


def test_a_body_that_names_a_local_file_is_not_that_file(tmp_path: Path) -> None:
    (tmp_path / "secret.xml").write_bytes(rss("<title>secret</title>"))
    with pytest.raises(NotAFeed):
        read_feed(str(tmp_path / "secret.xml").encode(), url=URL)


_LAUGHS = '<!ENTITY a0 "lol">' + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))


@pytest.mark.parametrize(
    "body",
    [
        f"<!DOCTYPE x [{_LAUGHS}]><rss version='2.0'><channel><title>&a9;</title></channel></rss>".encode(),
        f"<!-- <a --><!DOCTYPE x [{_LAUGHS}]><rss version='2.0'><channel><title>&a9;</title></channel></rss>".encode("utf-16"),
        b"<rss version='2.0'><channel><item>" + b"<a>" * 100_000,
        b"<rss version='2.0'><channel><item>" + b"<a " * 100_000,
        b"<rss version='2.0'><channel><item " + b" ".join(b"a%d='1'" % i for i in range(20_000)) + b">",
        b"<rss version='2.0'><channel>" + b"<item/>" * 100_000,
        b"<rss version='2.0'><channel><item><title>" + b"&" * 500_000,
        b"<rss version='2.0'><channel><item><title>" + b"\n" * 500_000,
    ],
)
def test_documents_that_would_hold_the_parser_up_are_refused(body: bytes) -> None:
    with pytest.raises(NotAFeed, match=r"it (has|is nested|declares)|a tag in it has"):
        read_feed(body, url=URL)


def test_entities_never_fetch_a_file() -> None:
    body = b'<!-- <a --><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    body += b'<rss version="2.0"><channel><item><title>a&e;b</title></item></channel></rss>'
    assert "root:" not in repr(read_feed(body, url=URL))


def test_broken_markup_is_read_as_far_as_it_goes() -> None:
    feed = read_feed(rss("<title>one</title>").replace(b"</channel></rss>", b"<item><title>two</title>"), url=URL)
    assert [e.title for e in feed.entries] == ["one", "two"]
    assert feed.fault.startswith("its markup is broken")


def test_charsets() -> None:
    body = '<?xml version="1.0" encoding="iso-8859-1"?>' + rss("<title>Café</title>").decode().partition("?>")[2]
    assert read_feed(body.encode("latin-1"), url=URL).entries[0].title == "Café"
    plain = body.replace(' encoding="iso-8859-1"', "")
    assert read_feed(plain.encode("cp1252"), url=URL, content_type="text/xml; charset=windows-1252").entries[0].title == "Café"
    assert read_feed(plain.encode(), url=URL, content_type="text/xml").fault == ""
    assert read_feed(gzip.compress(plain.encode()), url=URL).entries[0].title == "Café"


def test_names_guid_then_link_then_hash() -> None:
    entries = [
        Entry("a", "x", guid="g"),
        Entry("b", "x", link="https://l"),
        Entry("c", "x"),
        Entry("c", "x"),
        Entry("d", "y" * 9),
    ]
    named, shared = name_entries(entries)
    assert [e.key for e in named][:2] == ["g", "https://l"]
    assert len(named) == 4
    assert named[2].key.startswith("hash:")
    assert not shared


def test_a_guid_on_different_entries_names_none_of_them_ever_again() -> None:
    entries = [Entry(t, "x", guid="https://site", link=f"https://site/{t}") for t in "abc"]
    named, shared = name_entries(entries)
    assert len({e.key for e in named}) == 3
    alone, still = name_entries([entries[0]], shared)
    assert alone[0].key == named[0].key
    assert still == shared
    same, none = name_entries([entries[0], entries[0]])
    assert [e.key for e in same] == ["https://site"]
    assert not none


def test_a_very_long_guid_is_cut_and_stays_its_own() -> None:
    named, _ = name_entries([Entry("a", "x", guid="g" * 5000 + "1"), Entry("b", "x", guid="g" * 5000 + "2")])
    assert len({e.key for e in named}) == 2
    assert max(len(e.key) for e in named) <= 500


def test_oldest_first_by_date_or_by_place() -> None:
    dated = [Entry("a", "", posted_at_ms=2), Entry("b", "", posted_at_ms=1), Entry("c", "", posted_at_ms=3)]
    assert [e.title for e in oldest_first(dated)] == ["b", "a", "c"]
    assert [e.title for e in oldest_first([*dated, Entry("d", "")])] == ["d", "c", "b", "a"]


def test_html_becomes_readable_text() -> None:
    html = (
        "<style>x{}</style><h2>Job</h2><p>We&nbsp;hire <b>one</b><br>now</p><ul><li>a &amp; b</li><li>c</li></ul>"
        "<!-- no --><script>bad()</script><p>1 < 2, <a href='mailto:jobs@x.example?subject=hi'>write</a> "
        "<a href='https://x.example'>site</a> <a href='mailto:a@b.example'>a@b.example</a></p><table><tr><td>l<td>r</table>"
    )
    assert html_to_text(html) == (
        "Job\n\nWe hire one\nnow\n\n- a & b\n- c\n\n1 < 2, write (jobs@x.example) site a@b.example\n\nl r"
    )


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>ab/!-&;#\"' =\nliscrpt", max_size=200))
def test_any_html_gives_text(html: str) -> None:
    text = html_to_text(html)
    assert len(text) <= len(html) * 4
    assert "\n\n\n" not in text


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", "<!", "</", "&", '<a b="', "<script>", "<title></title>", "\n ", "<li>"])
def test_html_takes_time_in_line_with_its_length(piece: str) -> None:
    # Quadratic work on this much would take minutes; the time limit of the tests is the judge.
    assert len(html_to_text(piece * (400_000 // len(piece)))) <= 800_000


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"<rss version='2.0'><channel><item>", b"{", b"\x1f\x8b", b"<feed>"]))
def test_any_bytes_are_a_feed_or_none(body: bytes, before: bytes) -> None:
    try:
        feed = read_feed(before + body, url=URL)
    except NotAFeed:
        return
    assert all(e.link is None or e.link.startswith(("http://", "https://")) for e in feed.entries)
