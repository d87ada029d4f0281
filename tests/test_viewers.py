from helpers import get_attention, sample_repeated_tokens, view_attention, view_tokens


def test_attention_views_ask_nothing_of_the_network(mini, monkeypatch):
    import urllib.request

    def refuse(*args, **kwargs):
        raise AssertionError("a view asked the network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    sample = sample_repeated_tokens(mini, n=3, sequences=1)
    view = view_attention(get_attention(mini, sample, ["L0H1", "L1H0"]))
    source = view._repr_html_()
    assert 'src="http' not in source and "unpkg.com/circuitsvis" not in source
    assert "Head 0 is <b>L0H1</b>" in source and "Head 1 is <b>L1H0</b>" in source
    assert '"/>' not in source[:300] and "></div>" in source[:300]
    assert "L0H1, L1H0" in repr(view)


def test_tokens_are_text_not_html():
    source = view_tokens(["<bos>", "<script>alert(1)</script>", "a"], n=1)._repr_html_()
    assert "<script" not in source and "&lt;script&gt;" in source
    assert source.count("<span") == 3


def test_hostile_tokens_do_not_end_the_script(mini):
    sample = sample_repeated_tokens(mini, n=2, sequences=1)
    pattern = get_attention(mini, sample, "L0H0")
    hostile = ["</script><img src=x onerror=alert(1)>", "<!--", "<script>", "&lt;", "'\"\\"]
    pattern["key_token"] = ("key", hostile)
    source = view_attention(pattern)._repr_html_()
    data = source[source.rindex("CircuitsVis.render") :]
    assert data.count("</script>") == 1 and "<img" not in data and "<!--" not in data
