"""Keywords of the shipped ICPs, English and German, separated by commas."""

from __future__ import annotations

MARKETING_ROLES = """
marketing manager, head of marketing, marketing lead, marketing director, director of marketing, vp marketing,
vp of marketing, cmo, chief marketing officer, marketing specialist, marketing coordinator, marketing assistant,
marketing associate, marketing executive, marketing intern, marketing operations, marketing, marketer, marketers,
growth marketing, growth marketer, growth manager, head of growth, growth lead, content marketing, content strategist,
content manager, content creator, content lead, copywriter, copywriting, seo, sem, search engine optimization,
paid media, paid social, paid search, paid acquisition, ppc, google ads, user acquisition, performance marketing,
demand generation, demand gen, lead generation, lifecycle marketing, email marketing, crm manager, martech,
social media, social media manager, community manager, influencer*, affiliate*, brand manager, brand marketing,
brand designer, brand, branding, product marketing, product marketer, field marketing, event marketing, events manager,
public relations, pr manager, communications manager, corporate communications, media relations, campaign*, advertising,
creative producer, creative strategist, creative director, motion designer, video editor, partner marketing,
digital marketing, digital strategist, ecommerce manager, go-to-market, gtm, newsletter, webinars, marketingmanager,
marketingleiter, leiter marketing, leitung marketing, online-marketing, onlinemarketing, marketing-mitarbeiter,
marketingassistent, marketing-assistenz, werkstudent marketing, praktikum marketing, referent marketing,
kommunikationsmanager, unternehmenskommunikation, öffentlichkeitsarbeit, werbung, kampagnen, suchmaschinenoptimierung,
texter, redakteur, mediengestalter
"""
MARKETING_PAINS = """
first marketing hire, first marketer, founding marketer, our first marketing, own marketing,
build marketing from scratch, no marketing team, no marketing, no time for marketing, need more leads, not enough leads,
more customers, no leads, no traffic, grow our audience, our agency, replace our agency, fired our agency,
unhappy with our agency, marketing is all over the place, wearing many hats, overwhelmed, founder-led marketing,
founder led sales, from scratch, zero to one, 0 to 1, don't know what works, brand awareness, erste marketing,
aufbau marketing, marketing aufbauen, keine zeit für marketing, mehr kunden, mehr leads, zu wenig anfragen,
keine anfragen, bekannter werden
"""
SOLO_NEEDS = """
looking for a freelancer, freelance marketer, marketing help, help with marketing, need a website, landing page,
virtual assistant, vertriebshilfe, copywriter, designer, seo, google ads, facebook ads, instagram, linkedin,
lead generation, sales help, co-founder, cofounder, mentor, coach, freelancer gesucht, suche freelancer, webdesigner,
website, texter, unterstützung, mitgründer, virtuelle assistenz
"""
SOLO_PAINS = """
solo founder, solopreneur, one-person business, on my own, by myself, doing everything myself, no time, overwhelmed,
burned out, burnt out, no customers, no users, no sales, no traffic, how do i get customers, first customers,
first users, stuck, struggling, nobody signs up, don't know where to start, einzelunternehmer, selbstständig,
mache alles selbst, keine zeit, keine kunden, überfordert, erste kunden, komme nicht weiter
"""
D2C_INDUSTRIES = """
d2c, dtc, direct-to-consumer, direct to consumer, ecommerce, e-commerce, online shop, online store, shopify,
consumer brand, cosmetics, skincare, fashion, supplements, food and beverage, pet food, home goods, onlineshop,
kosmetik, mode, nahrungsergänzung, lebensmittel
"""
D2C_ROLES = """
ecommerce manager, e-commerce manager, head of ecommerce, performance marketing, performance marketer, paid social,
media buyer, meta ads, facebook ads, google ads, tiktok ads, email marketing, klaviyo, retention, crm, influencer*,
social media, content creator, ugc, conversion*, cro, shopify, amazon, marketplace, brand manager, growth, seo,
affiliate*, onlinemarketing, online-marketing, onlineshop manager, marktplatz, kampagnen
"""
D2C_PAINS = """
rising cac, ad costs, high cac, roas, low conversion, abandoned carts, cart abandonment, sales are down, sales dropped,
retention, repeat customers, returns, ios 14, our agency, unhappy with our agency, scale our ads, plateau*, werbekosten,
umsatz stagniert, zu wenig verkäufe, retouren, warenkorbabbrüche, agentur gewechselt
"""
SOFTWARE_NEEDS = """
software developer, software engineer, web developer, full stack developer, fullstack developer, backend developer,
frontend developer, mobile developer, app developer, develop an app, build an app, mobile app, web app, custom software,
mvp, prototype, integration*, api integration, erp, crm, shopify developer, wordpress developer, relaunch,
website redesign, software agency, development agency, development partner, technical partner, technical co-founder,
cto, it project, digitalization, automation, softwareentwickler, webentwickler, entwickler, programmierer,
app entwickeln, app entwicklung, individualsoftware, schnittstelle*, digitalisierung, softwareprojekt, it-dienstleister,
webshop
"""
SOFTWARE_PAINS = """
legacy system, legacy software, spreadsheet*, excel, manual process, manual work, outdated, slow website,
technical debt, our developer left, developer quit, missed deadline*, over budget, agency went silent,
unreliable developer*, can't find developers, buggy, rebuild, migrate, veraltet, altsystem, manuell, händisch,
entwickler verlässt, kein entwickler, verzögerung*
"""
RECRUITING_ROLES = """
recruiter, talent acquisition, talent partner, technical recruiter, head of talent, head of people, people operations,
people ops, people partner, hr manager, hr generalist, hr business partner, human resources, head of hr, sourcer,
recruiting, recruitment, hiring manager, employer branding, people manager, chief people officer, personalreferent,
personalleiter, personalmanager, personalgewinnung, personalbeschaffung, recruiting manager, personalabteilung,
personalsachbearbeiter
"""
RECRUITING_PAINS = """
can't find candidates, no applicants, few applicants, hard to hire, struggling to hire, open for months, still looking,
urgently hiring, immediate start, hiring spree, multiple openings, doubling the team, double our team,
we are growing fast, rapid growth, high turnover, scale the team, several positions, build the team, fachkräftemangel,
keine bewerber, dringend gesucht, ab sofort, mehrere stellen, verdoppeln
"""
BOOKKEEPING_ROLES = """
bookkeeper, bookkeeping, accountant, accounting, accounts payable, accounts receivable, payroll, controller,
finance manager, head of finance, office manager, tax advisor, tax preparer, tax return*, invoicing, invoices,
quickbooks, xero, datev, lexoffice, sevdesk, monthly close, vat, cpa, cfo, finance assistant, buchhalter, buchhaltung,
finanzbuchhalter, finanzbuchhaltung, lohnbuchhaltung, lohnabrechnung, steuerberater, steuerfachangestellte*,
rechnungswesen, rechnungen, umsatzsteuer, jahresabschluss, büroleitung, kaufmännische*
"""
BOOKKEEPING_PAINS = """
books are behind, behind on bookkeeping, behind on taxes, catch up bookkeeping, shoebox, messy books, tax deadline,
irs notice, audit, late invoices, unpaid invoices, cash flow, doing my own books, our bookkeeper left, accountant left,
switch from quickbooks, rückstand, buchhaltung liegt, mahnung*, fristverlängerung, finanzamt, steuererklärung,
betriebsprüfung, belege, steuerberater sucht, kein steuerberater
"""
