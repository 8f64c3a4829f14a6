import pytest

from paredown import report

from . import summaries


@pytest.fixture
def visit(browser, tmp_path):
    pages = []

    def visit(summary, *, width=1280, scheme="light"):
        file = tmp_path / "report.html"
        file.write_text(report.html(summary), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda r: r.url.startswith(("file:", "data:")) or page.complaints.append(r.url))
        page.goto(file.as_uri())
        pages.append(page)
        return page

    yield visit
    for page in pages:
        assert page.complaints == []
        page.close()


@pytest.mark.parametrize("name", ["rich", "unmet", "bare", "single", "ugly"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_opens_without_complaint_and_without_scrolling_sideways(visit, name, width):
    page = visit(getattr(summaries, name)(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_chart_draws_every_candidate_and_the_budget(visit):
    page = visit(summaries.rich())
    page.uncheck("#t-zoom")
    assert page.locator("#chart .pt").count() == 30
    assert page.locator("#chart .pt.best").count() == 1
    assert page.locator("#chart .err").count() > 40
    region = page.locator("#chart [data-region]").bounding_box()
    assert region["width"] > 100
    assert region["height"] > 100
    page.uncheck("#t-bars")
    assert page.locator("#chart .err").count() == 0


def test_axis_toggle_moves_the_points(visit):
    page = visit(summaries.rich())
    before = page.locator("#chart .pt.best").get_attribute("transform")
    page.click("[data-axis=size]")
    assert page.locator("#chart .pt.best").get_attribute("transform") != before
    assert page.locator("[data-axis=size]").get_attribute("aria-pressed") == "true"
    assert "size, kB" in page.locator("#chart").text_content()
    page.check("#t-log")
    assert page.locator("#chart .pt.best").count() == 1


def test_hover_shows_the_numbers_and_click_opens_the_ledger(visit):
    page = visit(summaries.rich())
    assert page.locator(".entry.chosen h3").text_content() == "prune 0.62 + distill + int8"
    page.locator('#chart .pt[data-id="int8"]').hover()
    assert page.locator("#tip").is_visible()
    assert "[1.64, 1.75] of the original" in page.locator("#tip").text_content()
    page.locator('#chart .pt[data-id="int8"]').click()
    assert page.locator(".entry.chosen h3").text_content() == "int8"
    page.mouse.move(5, 5)
    assert page.locator("#tip").is_hidden()


def test_keyboard_walks_through_the_points(visit):
    page = visit(summaries.rich())
    assert page.locator('#chart .pt[tabindex="0"]').count() == 1
    page.locator('#chart .pt[tabindex="0"]').focus()
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.dataset.id") == "regularize"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert page.locator(".entry.chosen h3").text_content() == "do nothing, train"


def test_legend_hides_a_family(visit):
    page = visit(summaries.rich())
    before = page.locator("#chart .pt").count()
    page.click("[data-family=quantize]")
    assert 0 < page.locator("#chart .pt").count() < before
    assert page.locator('#chart .pt[data-id="int8"]').count() == 0
    page.click("[data-family=quantize]")
    assert page.locator("#chart .pt").count() == before


def test_table_shows_all_and_sorts(visit):
    page = visit(summaries.rich())
    rows = page.locator("#all tbody tr:visible")
    few = rows.count()
    page.click("#more")
    assert rows.count() == 31 > few
    page.click("#all thead button >> text=p50, ms")
    values = [float(text) for text in page.locator("#all tbody tr td:nth-child(5)").all_text_contents()]
    assert values == sorted(values)
    assert "slim 0.2 + train" in rows.last.text_content()


def test_of_a_long_run_every_candidate_has_a_point_and_a_line(visit):
    page = visit(summaries.long())
    page.uncheck("#t-zoom")
    assert page.locator("#chart .pt").count() == 150
    few = page.locator('#chart .pt[data-id="prune-0.4-and-int8-#26-3"]')
    few.hover()
    assert "prune 0.4 + int8 #26 #3" in page.locator("#tip").text_content()
    assert "p50, ms" in page.locator("#tip").text_content()
    before = page.locator(".entry.chosen h3").text_content()
    few.click()
    assert page.locator(".entry.chosen h3").text_content() == before  # its steps are not told
    assert page.locator("#all tr.chosen:visible th").text_content().strip() == "prune 0.4 + int8 #26 #3"
    page.click("[data-family=quantize]")
    assert few.count() == 0


def test_head_to_head_switches_its_quantity(visit):
    page = visit(summaries.rich())
    assert page.locator(".matrix:visible").count() == 1
    page.locator(".tabs button", has_text="Score").click()
    assert page.locator(".matrix:visible caption").text_content().startswith("Score")
    assert "against" in page.locator(".matrix:visible td[data-pair]").first.get_attribute("title")


def test_dark_mode_has_its_own_colours_and_print_its_light_ones(visit):
    page = visit(summaries.rich(), scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(16, 20, 24)"
    page.emulate_media(media="print")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    assert page.locator(".controls:visible").count() == 0


def test_text_has_enough_contrast(visit):
    script = """() => {
        const light = (c) => c.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const paper = light(rgb(getComputedStyle(document.body).backgroundColor));
        return ["p", "h1", ".small", ".b", ".good", ".bad", ".open", ".lead", ".why", "a[data-open]"].map((query) => {
            const ink = light(rgb(getComputedStyle(document.querySelector(query)).color));
            return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
        });
    }"""
    for scheme in ("light", "dark"):
        assert min(visit(summaries.rich(), scheme=scheme).evaluate(script)) >= 4.5
