"""ICPs that come with leadd, for six trades, keywords in English and German. One is in force without any ICP."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from leadd.api import Icp, IcpField
from leadd.core import template_words as words

DEFAULT_TEMPLATE = "marketing_first_hire"


def _score(values: str) -> IcpField:
    return IcpField(values=tuple(v.strip() for v in values.split(",") if v.strip()))


def _exclude(values: str) -> IcpField:
    return IcpField(values=tuple(v.strip() for v in values.split(",") if v.strip()), use="exclude")


_ICPS = (
    Icp(
        name="marketing_first_hire",
        description=(
            "Small companies that look for their first marketing person or for somebody to run their marketing: a "
            "marketing manager, growth marketer, content, SEO, social media or performance marketing specialist, "
            "a head of marketing, or a freelancer or agency for campaigns, brand and demand generation. The "
            "founder did the marketing so far."
        ),
        sizes=_score("1-20"),
        hiring_keywords=_score(words.MARKETING_ROLES),
        pain_keywords=_score(words.MARKETING_PAINS),
    ),
    Icp(
        name="solo_founder",
        description=(
            "Solo founders and one-person businesses that do everything themselves and look for help with finding "
            "customers: marketing, a website, content, ads or sales."
        ),
        sizes=_score("1, 2-5"),
        hiring_keywords=_score(words.SOLO_NEEDS),
        pain_keywords=_score(words.SOLO_PAINS),
        role_types=("freelancer", "agency", "first_hire", "advice", "unclear"),
        pain_tags=("no_time", "no_customers", "no_skills", "no_budget", "stuck", "overwhelmed"),
    ),
    Icp(
        name="small_d2c",
        description=(
            "Small direct-to-consumer brands and online shops that want more sales from their own shop: paid "
            "social, e-mail marketing, conversion, influencers, retention, marketplaces."
        ),
        sizes=_score("1-20"),
        industries=_score(words.D2C_INDUSTRIES),
        hiring_keywords=_score(words.D2C_ROLES),
        pain_keywords=_score(words.D2C_PAINS),
        role_types=("first_marketer", "agency_replacement", "channel_specialist", "unclear"),
        pain_tags=("ad_costs", "low_conversion", "no_retention", "agency_trouble", "returns", "growth_pressure"),
    ),
    Icp(
        name="software_agency",
        description=(
            "Companies without a software team of their own that need an app, a web shop, an integration or a "
            "legacy system rebuilt, and look for developers, an agency or a technical partner."
        ),
        hiring_keywords=_score(words.SOFTWARE_NEEDS),
        pain_keywords=_score(words.SOFTWARE_PAINS),
        exclude_keywords=_exclude("no agencies, keine agenturen, no third parties"),
        role_types=("project", "first_developer", "agency_replacement", "extra_headcount", "unclear"),
        pain_tags=("legacy_system", "missed_deadline", "no_developers", "agency_trouble", "manual_work", "quality_trouble"),
    ),
    Icp(
        name="recruiter",
        description=(
            "Growing companies that have several openings or cannot fill one for long, and have no recruiting "
            "team of their own: they hire their first recruiter, talent acquisition or people manager, or "
            "complain about missing candidates."
        ),
        sizes=_score("11-200"),
        hiring_keywords=_score(words.RECRUITING_ROLES),
        pain_keywords=_score(words.RECRUITING_PAINS),
        exclude_keywords=_exclude("no recruiters, no agencies, no headhunters, keine personalvermittler, keine headhunter"),
        size_buckets=("1-10", "11-50", "51-200", "201+", "unknown"),
        role_types=("first_recruiter", "agency_search", "extra_headcount", "unclear"),
        pain_tags=("open_too_long", "many_openings", "no_applicants", "turnover", "fast_growth"),
    ),
    Icp(
        name="bookkeeper",
        description=(
            "Small businesses that need bookkeeping, payroll, invoices or tax preparation done: they look for a "
            "bookkeeper, an accountant or an office manager with accounting, or say that their books are behind."
        ),
        sizes=_score("1-50"),
        hiring_keywords=_score(words.BOOKKEEPING_ROLES),
        pain_keywords=_score(words.BOOKKEEPING_PAINS),
        size_buckets=("1", "2-5", "6-10", "11-50", "unknown"),
        role_types=("first_bookkeeper", "outsourcing", "replacement", "extra_headcount", "unclear"),
        pain_tags=("books_behind", "tax_deadline", "payroll_trouble", "cash_flow", "software_change", "overloaded_founder"),
    ),
)

TEMPLATES: Mapping[str, Icp] = MappingProxyType({icp.name: icp for icp in _ICPS})
"""By name."""
