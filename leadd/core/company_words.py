"""Tables for companies.py: legal forms as they are written in many countries, and domains that belong to nobody's company."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


LEGAL_FORMS = _set(
    """
    gmbh mbh ggmbh ug haftungsbeschrankt ag kg kgaa ohg gbr partg partgmbb ek ev eg gesmbh co inc incorporated llc llp lp
    lllp ltd limited plc corp corporation company pbc pllc cic dba sa sas sasu sarl eurl snc scop sci selarl spa srl srls
    sapa sl slu slne sociedad ltda lda unipessoal eireli mei epp cv bv nv vof cvba bvba ab hb as asa aps oy oyj ky ehf hf
    ivs amba zoo sro kft zrt nyrt bt doo dd ood eood ad srbija ltdsti sti tic san pvt private opc pte pty bhd sdn tbk ooo
    oao zao pao ip tov ооо оао зао пао ао ип тоо тов ae epe ike oe dmcc fze fzco fzc fzllc wll se eeig sce
    """
)
"""Folded, without dots, as the last words of a name."""

LEGAL_PREFIXES = _set("pt ooo oao zao pao tov ооо оао зао пао ао ип тоо тов firma fa")

LEGAL_WHOLES = (
    "株式会社", "有限会社", "合同会社", "合資会社", "一般社団法人", "股份有限公司", "有限责任公司", "有限公司",
    "주식회사", "유한회사",
    "(株)", "㈱", "sp. z o.o.", "sp. z o. o.", "sp.z o.o.", "sp. z.o.o.", "spol. s r.o.", "spol. s r. o.", "s. r. o.",
    "a/s", "s/a", "gmbh & co. kg", "gmbh & co kg", "ug (haftungsbeschrankt)", "e. v.", "e. k.", "s.p.a.", "s.a.s.", "d.o.o.",
    "fz-llc", "fz llc", "บริษัท", "จำกัด",
)  # fmt: skip
"""Forms of several words or of scripts without spaces, taken out as they stand."""

TWO_LEVEL = _set(
    """
    me.uk ltd.uk plc.uk sch.uk nhs.uk id.au asn.au gen.nz geek.nz go.jp lg.jp ad.jp gr.jp gen.tr web.tr bel.tr k12.tr
    ind.in firm.in gen.in nic.in web.za re.kr go.kr pe.kr idv.tw game.tw my.id web.id or.id sch.id go.id waw.pl edu.pl
    biz.pl info.pl nom.co nom.br adv.br eng.br med.br blog.br eco.br art.br tv.br ind.br in.ua kiev.ua kyiv.ua lviv.ua
    pp.ua gouv.fr asso.fr tm.fr uk.com us.com eu.com de.com br.com cn.com jpn.com za.com ru.com sa.com se.net uk.net
    gb.net in.net co.com com.se
    """
)
"""Suffixes of two labels that the general rule (co, com, org … before a country) does not cover."""

SITE_HOSTS = _set(
    """
    github.io gitlab.io vercel.app netlify.app herokuapp.com web.app firebaseapp.com pages.dev workers.dev fly.dev
    onrender.com webflow.io wixsite.com wordpress.com blogspot.com squarespace.com weebly.com carrd.co framer.website
    framer.app notion.site myshopify.com substack.com ghost.io medium.com tumblr.com jimdosite.com jimdofree.com
    bubbleapps.io lovable.app replit.app azurewebsites.net cloudfront.net appspot.com strikingly.com tilda.ws glitch.me
    readthedocs.io gitbook.io typedream.app
    """
)
"""Hosts that lend a site to anybody: the label before them is the company's."""

SHARED_DOMAINS = _set(
    """
    gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com aol.com icloud.com me.com
    mac.com proton.me protonmail.com pm.me gmx.de gmx.net gmx.com gmx.at gmx.ch web.de t-online.de freenet.de posteo.de
    mailbox.org mail.com mail.ru yandex.ru yandex.com ya.ru inbox.ru bk.ru list.ru qq.com 163.com 126.com sina.com
    naver.com hanmail.net daum.net rediffmail.com zoho.com fastmail.com fastmail.fm hey.com tutanota.com tuta.io duck.com
    orange.fr wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it tiscali.it bluewin.ch telenet.be ziggo.nl
    kpnmail.nl comcast.net verizon.net att.net sbcglobal.net btinternet.com sky.com bigpond.com optusnet.com.au shaw.ca
    rogers.com seznam.cz wp.pl o2.pl onet.pl interia.pl uol.com.br bol.com.br terra.com.br indeed.com stepstone.de
    monster.com glassdoor.com ziprecruiter.com simplyhired.com careerbuilder.com dice.com wellfound.com angel.co
    remoteok.com remoteok.io weworkremotely.com remotive.com remote.co flexjobs.com builtin.com otta.com
    welcometothejungle.com jobs.ch xing.com kununu.com hokify.at karriere.at infojobs.net tecnoempleo.com naukri.com
    seek.com.au reed.co.uk totaljobs.com cv-library.co.uk jobteaser.com ycombinator.com workatastartup.com
    arbeitsagentur.de jobbird.com hellowork.com apec.fr upwork.com fiverr.com freelancer.com freelance.de malt.fr malt.com
    toptal.com twine.net peopleperhour.com craigslist.org ashbyhq.com greenhouse.io lever.co workable.com personio.de
    personio.com recruitee.com smartrecruiters.com breezy.hr bamboohr.com teamtailor.com jobvite.com icims.com
    myworkdayjobs.com workday.com taleo.net successfactors.com successfactors.eu join.com rippling.com gusto.com
    jazzhr.com applytojob.com pinpointhq.com homerun.co softgarden.io rexx-systems.com onlyfy.jobs comeet.com comeet.co
    factorialhr.com dover.com gem.com polymer.co trinethire.com paylocity.com ultipro.com oraclecloud.com zohorecruit.com
    linkedin.com lnkd.in facebook.com fb.com fb.me instagram.com twitter.com x.com t.co threads.net tiktok.com youtube.com
    youtu.be reddit.com redd.it pinterest.com quora.com discord.com discord.gg slack.com telegram.org t.me whatsapp.com
    wa.me mastodon.social bsky.app vk.com github.com gitlab.com bitbucket.org stackoverflow.com producthunt.com
    indiehackers.com hackernews.com crunchbase.com google.com goo.gl forms.gle g.co docs.google.com typeform.com tally.so
    jotform.com surveymonkey.com airtable.com notion.so calendly.com cal.com zoom.us loom.com dropbox.com box.com
    microsoft.com office.com apple.com amazon.com wikipedia.org bit.ly tinyurl.com ow.ly buff.ly rebrand.ly linktr.ee
    eventbrite.com meetup.com techcrunch.com forbes.com medium.com cloudflare.com amazonaws.com example.com example.org
    example.net
    """
)
"""Free mail, job boards, applicant systems, social sites, forms and documents, shorteners, press."""
