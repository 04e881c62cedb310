"""Business functions in words: who does the work, what it is called, and in what other languages. Marketing to design.

One text per function and use, entries separated by commas. `=0.5` after an entry is its weight where it is not 1; `word*`
stands for words that begin so, `*word` for words that end so (German compounds), `*word*` for both. `named` is how an
ICP sentence
names the function, `titles` what stands in the titles of its roles, `texts` what a text about such work is full of.
The rest of the functions is in `service_words`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MARKETING = {
    "named": """
        marketing, marketer, marketers, growth marketer, growth hire, content, seo, social media, brand, advertising, pr,
        public relations, demand generation, copywriter, copywriters, campaigns, communications, cmo, werbung, publicidad,
        mercadotecnia, kommunikation, community manager, publicité, go-to-market
    """,
    "titles": """
        marketing, marketer, marketers, growth marketing, growth marketer, product marketing, product marketer, pmm=0.8,
        content marketing, performance marketing, digital marketing, email marketing, lifecycle marketing,
        field marketing, event marketing, partner marketing, influencer marketing, affiliate marketing, brand marketing,
        marketing operations, marketing analyst, marketing designer, marketing data=0.7, marketing engineer=0.6,
        growth=0.55, head of growth=0.9, growth manager=0.8, growth lead=0.8, growth hacker, growth associate=0.7,
        demand generation, demand gen, lead generation=0.6, cmo, brand=0.7, brand manager, brand strategist, brand
        designer=0.8,
        branding=0.8, content=0.45, content manager=0.9, content strategist, content creator, content writer=0.9,
        content lead=0.9, content editor=0.8, content producer=0.9, content specialist=0.7, copywriter, copywriting, copy
        editor=0.6,
        seo, sem, ppc, search engine optimization, search engine marketing, paid media, paid social, paid search,
        paid acquisition, media buyer, media planner, media buying, user acquisition, acquisition manager=0.7, google ads,
        facebook ads, advertising=0.8, ad operations=0.5, adops=0.5, programmatic=0.5, lifecycle=0.6, retention marketing,
        crm manager=0.7, crm specialist=0.6, email specialist=0.8, martech, campaign=0.7, campaigns=0.7, campaign manager=0.9,
        social media, social=0.3, social content=0.8, community=0.45, community manager=0.7, influencer, influencers,
        creator partnerships=0.8, affiliate=0.8, affiliates=0.8, ambassador=0.5, brand ambassador=0.6, evangelist=0.6,
        developer relations=0.4, developer advocate=0.4, devrel=0.4, public relations, pr manager, pr specialist, pr lead,
        press officer=0.8,
        media relations, communications=0.7, communications manager=0.8, corporate communications=0.8, comms=0.7,
        events=0.6, event manager=0.8, events manager=0.8, event coordinator=0.7, events lead=0.8, creative=0.4,
        creative director=0.6, creative producer=0.7, creative strategist=0.9, art director=0.5, video editor=0.5,
        videographer=0.5,
        video producer=0.6, motion designer=0.4, graphic designer=0.35, illustrator=0.3, photographer=0.4, web designer=0.25,
        visual designer=0.25, editor=0.3,
        newsletter=0.7, podcast=0.5, e-commerce manager=0.5, ecommerce manager=0.5, conversion rate=0.6, cro=0.4,
        webmaster=0.3, market research=0.4, consumer insights=0.5, customer insights=0.4, go-to-market=0.4, gtm=0.35,
        partnerships=0.25, promoter=0.4, sponsorship=0.5, trade marketing, merchandising=0.3, storyteller=0.6
    """,
    "texts": """
        marketing, marketing team=2.5, marketing strategy=1.5, marketing campaigns=2, marketing channels=1.5, marketing
        manager=1.5,
        marketing experience=2, marketing operations=1.2, marketing automation=1.5, marketing function=2, marketing
        department=2, marketing programs=1.5,
        head of marketing=2, cmo=1.5, vp marketing=1.5, vp of marketing=1.5, director of marketing=2, marketer=2, marketers=1,
        growth marketing=2, product marketing=1.3, content marketing=1.7, performance marketing=1.7, digital marketing=1.7,
        email marketing=1.7, campaign=1.2, campaigns=1.5, brand=1, brand awareness=1.5, brand voice=1.7, brand identity=1.3,
        brand guidelines=1.3, branding=1, advertising=1, ads=0.8,
        seo=1.5, sem=1.2, ppc=1.4, google ads=1.7, meta ads=1.5, facebook ads=1.5, paid media=1.7, paid social=1.7, paid
        search=1.7,
        social media=1, instagram=0.8, tiktok=0.8, linkedin=0.4, youtube=0.5, influencer=1, influencers=1.2, affiliate=0.9,
        creators=0.6,
        content calendar=1.8, content strategy=1.5, content creation=1.2, copywriting=1.5, copy=0.8, blog=0.8, newsletter=1,
        newsletters=1.2, webinars=1, landing pages=1.3, ad copy=1.6,
        demand generation=1.7, demand gen=1.5, lead generation=0.8, pipeline generation=0.7, funnel=0.6, conversion rates=0.8,
        conversion rate=0.9, a/b testing=0.5,
        google analytics=1.4, hubspot=0.7, marketo=1.4, mailchimp=1.5, canva=1.3, figma=0.2, adobe creative suite=0.8,
        creatives=0.9, creative assets=1.5, creative=0.5, storytelling=1, messaging=0.7, positioning=0.9, audience=0.7,
        audiences=0.8, engagement=0.3,
        cac=0.9, roas=1.6, cpa=0.9, ltv=0.7, attribution=1, impressions=0.9, public relations=1.3, press releases=1.4, media
        relations=1.3, pr agency=1.2,
        trade shows=1, events=0.5, event planning=0.8, sponsorships=0.9, go-to-market=0.6, launches=0.4, product launches=0.8,
        personas=0.7, market research=0.6, community building=0.8
    """,
    "other": """
        marketingmanager, marketingleiter*, onlinemarketing, online-marketing, *marketing, marketing*, werbung,
        werbekampagnen,
        kampagnen=0.8, kampagnenmanager*, öffentlichkeitsarbeit, unternehmenskommunikation=0.9, pressearbeit=0.8, texter=0.8,
        redakteur*=0.5, mediengestalter*=0.5, suchmaschinenoptimierung, markenführung, markenmanager*, social-media,
        responsable marketing, chargé de communication, chargée de communication, communication digitale, publicité=0.8,
        acquisition=0.3, chef de produit marketing, rédacteur=0.5, rédactrice=0.5, référencement=0.8, marque=0.5,
        mercadotecnia, publicidad=0.8, redes sociales=0.8, comunicación=0.5, contenidos=0.5, marca=0.5, posicionamiento=0.5,
        relaciones públicas=0.9
    """,
}

SALES = {
    "named": """
        sales, salesperson, salespeople, seller, sellers, account executive, account executives, sdr, bdr, business
        development,
        sales rep, sales reps, closer, closers, vertrieb, vertriebler, verkauf, verkäufer, vente, ventes, commercial,
        commerciaux, ventas,
        vendedor, vendedores, comercial
    """,
    "titles": """
        sales, sales manager, sales representative, sales executive, sales development, sales engineer=0.8, sales
        operations=0.9,
        sales enablement=0.9, sales trainer=0.9, sales consultant, sales associate=0.8, sales specialist, sales director,
        sales assistant=0.7, inside sales, outside sales, field sales,
        account executive, account executives, account manager=0.75, account director=0.75, account management=0.6, key
        account, key account manager=0.9, strategic accounts=0.8, account development=0.9,
        sdr, bdr, ae=0.7, mdr=0.7, business development, business developer, biz dev, bizdev, bd=0.7, new business=0.8, new
        logo=0.9, closer=0.9, setter=0.8, appointment setter=0.9,
        revenue=0.5, chief revenue officer=0.8, cro=0.4, revenue operations=0.65, revops=0.65, deal desk=0.6,
        partnerships=0.5, partnership manager=0.5, partner manager=0.6,
        channel=0.4, channel manager=0.7, channel partner=0.7, alliances=0.6, alliance manager=0.6, presales=0.8,
        pre-sales=0.8, solutions engineer=0.5, solution engineer=0.5, solutions consultant=0.6, solution consultant=0.5,
        solutions architect=0.3,
        territory manager=0.9, regional manager=0.3, area manager=0.3, commercial=0.4, commercial manager=0.7, commercial
        director=0.7, gtm=0.5, go-to-market=0.5, enterprise=0.1, telesales, telemarketing=0.7, outbound=0.7, broker=0.3,
        leasing=0.4, realtor=0.4,
        insurance agent=0.6, financial advisor=0.2, dealer=0.3, promotional=0.3, fundraising=0.2, client partner=0.7,
        relationship manager=0.5, bid manager=0.4, proposal manager=0.4
    """,
    "texts": """
        sales, sales team=1.5, sales cycle=2, sales cycles=2, sales process=1.5, sales experience=2, quota=2, quotas=1.8,
        quota attainment=2, exceed quota=2, ote=1.8, commission=1, commissions=1, uncapped=1.3,
        prospecting=2, prospects=1.2, prospect=1, outbound=1.5, inbound leads=1.2, cold calling=2, cold calls=2, cold
        outreach=1.6, cold calling=2, pipeline=0.7, sales pipeline=1.7, pipeline generation=1.2, leads=0.6, qualified leads=1,
        closing deals=2, close deals=2, closing=0.8, deals=0.9, deal=0.4,
        negotiation=0.7, negotiate=0.6, negotiating=0.8, contract negotiations=1, objections=1.3, objection handling=1.6,
        discovery calls=1.5, demos=0.9, product demos=1.1, meddic=2, meddpicc=2, spin selling=1.5, consultative selling=1.6,
        value-based selling=1.5, solution selling=1.4, selling=1.2, sell=0.6, seller=1.2, sellers=1.2,
        account executive=1.5, account executives=1.3, sdr=1.4, sdrs=1.4, bdr=1.4, bdrs=1.4, territory=1, book of
        business=1.2, upsell=0.7, cross-sell=0.7, new business=1.1, new logos=1.5, salesforce=0.6, outreach=0.4,
        salesloft=1.5, gong=0.9, zoominfo=1.4, apollo=0.5, crm=0.5, hubspot=0.3,
        revenue targets=1.4, sales targets=1.7, targets=0.5, hunter=1, decision makers=1, decision-makers=1, c-level=0.6,
        c-suite=0.5, b2b sales=1.8, saas sales=1.8, enterprise sales=1.6, forecasting=0.4, forecast=0.5, head of sales=1.5, vp
        of sales=1.5, vp sales=1.5, sales manager=1.4, sales representative=1.6, business development=1
    """,
    "other": """
        vertrieb, vertrieb*, *vertrieb, verkauf, verkauf*, verkäufer*, außendienst*, innendienst*, kundenberater*=0.5,
        kundenakquise, akquise=0.9, kaltakquise, neukundengewinnung, gebietsleiter*=0.8,
        commercial terrain, commercial sédentaire, ingénieur commercial, ingénieure commerciale, technico-commercial,
        vente=0.8, ventes=0.8, vendeur=0.8, vendeuse=0.8, développement commercial, prospection=0.9, chargé d'affaires=0.8,
        ventas, vendedor*, comercial=0.7, ejecutivo de ventas, ejecutivo de cuentas, representante de ventas, desarrollo de
        negocio, asesor comercial
    """,
}

PEOPLE = {
    "named": """
        hr, human resources, people team, people operations, people ops, recruiting, recruiter, recruiters, talent
        acquisition, talent,
        hr manager, people person, head of people, personal, personaler, recrutement, ressources humaines, recursos humanos,
        rh
    """,
    "titles": """
        hr, human resources, people=0.8, people operations, people ops, people partner, people business partner, people lead,
        people manager=0.8, people analyst=0.9, people experience, people & culture, people and culture, head of people, hr
        business partner, hrbp, hris, hr generalist, hr manager, hr operations,
        chief people officer, culture=0.4, recruiter, recruiters, recruiting, recruitment, recruitment consultant=0.7,
        technical recruiter, recruiting coordinator, recruiting operations, sourcer, talent sourcer, talent=0.75, talent
        acquisition, talent partner, talent manager=0.6, talent operations, talent management=0.8, talent pool=0.05, talent
        network=0.05, talent community=0.05, top talent=0.1,
        employer brand=0.7, employer branding=0.7, employee experience=0.8, employee relations, employee engagement=0.8,
        workplace=0.45, workplace experience=0.5, total rewards, rewards=0.3, compensation=0.75, compensation & benefits,
        compensation and benefits, benefits=0.4, benefits manager=0.7, benefits specialist=0.7, benefits administrator=0.8,
        comp=0.4,
        learning & development=0.8, learning and development=0.8, l&d=0.8, organizational development=0.7, organisational
        development=0.7, diversity=0.6, dei=0.6, onboarding specialist=0.2, headhunter, headhunting, staffing=0.5,
        payroll=0.3, mobility=0.3, global mobility=0.7, interview scheduler=0.8, campus recruiter, university recruiting,
        early careers=0.3, hiring manager=0.2, workforce planning=0.4
    """,
    "texts": """
        hr=1.2, human resources=1.2, hr team=1.2, people team=0.8, people operations=1.7, people ops=1.7, people partners=1.6,
        people partner=1.6, hrbp=1.8, hrbps=1.8, hris=1.8, hr business partner=1.8, employee relations=2, employee
        lifecycle=2, employee experience=1.3, employee engagement=1.3, workforce planning=1.4, headcount planning=1,
        performance management=0.9, performance reviews=0.7, org design=1.2, organizational design=1.3,
        full-cycle recruiting=2.2, full cycle recruiting=2.2, full-cycle recruitment=2.2, recruiting=0.8, recruiting team=0.7,
        recruiting process=0.4, recruitment=0.6, recruiters=0.8, recruiter=0.4, recruiting experience=2, recruiting
        operations=1.7, sourcing candidates=2, source candidates=2, sourcing=0.7, candidate experience=1.8, candidate
        pipeline=1.8, candidate pipelines=1.8, pipelines of candidates=1.5, passive candidates=2, hiring managers=1.6, hiring
        manager=0.3, hiring process=0.3, intake meetings=1.8, time-to-hire=1.7, time to hire=1.5, time to fill=1.6, interview
        scheduling=1.6, scheduling interviews=1.8, talent acquisition=0.9, talent pipeline=1.6, talent pipelines=1.6, talent
        strategy=1.6, talent management=1.2, employer brand=1.4, employer branding=1.4, offboarding=1.6, onboarding=0.3, new
        hires=0.7,
        compensation=0.2, compensation philosophy=1.5, compensation strategy=1.4, total rewards=0.9, benefits
        administration=1.8, open enrollment=1.5, payroll=0.8, job architecture=1.4, leveling=0.6, greenhouse=0.9, ashby=0.5,
        lever=0.5, workday=0.9, bamboohr=1.8, rippling=1.2, applicant tracking=1.4, ats=0.8, labor law=1, labour law=1,
        employment law=1.6, employment laws=1.3, shrm=2, phr=1.6, cipd=2, learning and development=0.6, l&d=0.8, dei=0.5,
        culture initiatives=1.3, coaching managers=1.2
    """,
    "other": """
        personal=0.3, personalreferent*, personalleiter*, personalmanager*, personalabteilung=0.9, personalgewinnung,
        personalbeschaffung, personalwesen, personalsachbearbeiter*, personalberater*=0.8, personalentwicklung=0.9,
        personalvermittler*=0.8, lohnbuchhalter*=0.3,
        ressources humaines, rh=0.9, responsable rh, chargé de recrutement, chargée de recrutement, recrutement=0.8,
        recruteur, recruteuse, gestionnaire de paie=0.5, droit social=0.6,
        recursos humanos, reclutador*, reclutamiento, selección de personal, selección=0.3, rrhh, gestión de personas=0.8,
        nóminas=0.4
    """,
}

FINANCE = {
    "named": """
        finance, accountant, accountants, accounting, bookkeeper, bookkeepers, bookkeeping, cfo, controller, controllers,
        treasury, tax, audit, payroll,
        buchhalter, buchhaltung, steuerberater, finanzen, comptable, comptabilité, contable, contabilidad, finanzas
    """,
    "titles": """
        finance, financial=0.6, financial analyst, finance manager, finance director, head of finance, fp&a, financial
        planning, financial controller, controller=0.9, controlling=0.9, comptroller, cfo, accountant, accountants,
        accounting, accounts payable, accounts receivable, bookkeeper, bookkeeping, treasury, treasurer, tax=0.85, tax
        analyst, audit=0.7, auditor=0.7, internal audit=0.7, payroll=0.7, payroll specialist=0.75, billing=0.5,
        collections=0.4, credit analyst=0.5, revenue accountant, revenue accounting, invoicing=0.7, investor relations=0.5,
        procurement=0.2, strategic finance, corporate development=0.4, actuary=0.4, equity=0.2, investment analyst=0.4,
        finance operations=0.9, finops=0.3, capital markets=0.4
    """,
    "texts": """
        finance=0.6, finance team=1.5, accounting=1.4, accounting team=1.7, accountant=1.4, gaap=2, ifrs=2, month-end=2, month
        end=2, month-end close=2, year-end=1, general ledger=2, journal entries=2, reconciliations=1.8, reconciliation=1.2,
        balance sheet=1.6, financial statements=1.7, financial reporting=1.5, financial models=1.2, financial modeling=1.4,
        financial planning=1.3, fp&a=2, budgeting=1, forecasting=0.7, variance analysis=1.8, accounts payable=1.8, accounts
        receivable=1.8, invoices=1, invoicing=1, billing=0.7, cash flow=1.3, treasury=1.5, audit=0.8, auditors=1.4,
        audits=0.7, tax=0.8, tax returns=1.7, vat=1.1, cpa=1.6, acca=2, netsuite=1.5, quickbooks=1.6, xero=1.5, excel=0.4,
        payroll=0.8, controller=1, cfo=1, sox=1.2, big 4=1.4, expense reports=1
    """,
    "other": """
        buchhalter*, buchhaltung, finanzbuchhalter*, finanzbuchhaltung, lohnbuchhalter*=0.7, bilanzbuchhalter*,
        rechnungswesen, steuerfachangestellte*, steuerberater*, finanzen=0.7, jahresabschluss, wirtschaftsprüfer*,
        comptable, comptabilité, contrôleur de gestion, contrôle de gestion, trésorier, trésorerie, finances=0.6, paie=0.5,
        fiscalité, fiscaliste,
        contable, contabilidad, finanzas, tesorería, auditor*=0.6, facturación=0.6, impuestos=0.6
    """,
}

DESIGN = {
    "named": """
        design, designer, designers, ux, ui, product design, graphic design, illustrator, gestalter, diseñador, diseñadores,
        graphiste, ux researcher
    """,
    "titles": """
        designer, designers, design=0.8, product designer, product design, ux, ui, ux designer, ui designer, ux/ui, ux
        researcher=0.8, ux research=0.8, ux writer=0.6, user researcher=0.7, user experience, interaction designer, visual
        designer, web designer=0.9, graphic designer=0.8, brand designer=0.5, motion designer=0.7, motion graphics=0.7,
        creative director=0.4, art director=0.6, illustrator=0.8, head of design, design lead, design director, design
        systems, design engineer=0.3, 3d artist=0.8, artist=0.6, animator=0.7, industrial designer=0.8, interior designer=0.7,
        service designer=0.9, creative designer=0.7, ux/ui designer, concept artist=0.8
    """,
    "texts": """
        figma=2, sketch=0.8, prototypes=0.6, wireframes=1.8, prototyping=0.9, user research=1.4, usability testing=1.6, design
        system=1.5, design systems=1.5, design team=1.5, product designers=1.3, product designer=1.5, designers=0.6, ux=1.2,
        ui=0.6, visual design=1.6, interaction design=1.8, typography=1.7, portfolio=0.8, design portfolio=2, adobe creative
        suite=1, photoshop=1.3, illustrator=1.2, after effects=1.3, user flows=1.5, information architecture=1.4, design
        thinking=1, user-centered design=1.5, mockups=1.3, pixel-perfect=0.9, design critiques=1.7
    """,
    "other": """
        gestalter*, grafiker*, grafikdesigner*, mediengestalter*=0.6, produktdesigner*, graphiste, concepteur graphique,
        directeur artistique=0.6, designer produit, diseñador*, diseño=0.8, diseño gráfico
    """,
}

PRODUCT = {
    "named": """
        product manager, product managers, product owner, product management, head of product, cpo, produktmanager, chef de
        produit
    """,
    "titles": """
        product manager, product management, product owner, head of product, product lead, director of product, vp product, vp
        of product, cpo=0.8, product=0.55, product operations=0.8, product analyst=0.6, product director, group product
        manager, technical product manager, product strategy=0.7, principal product manager, product marketing manager=0,
        product specialist=0.3, product engineer=0, product designer=0, product support=0, product counsel=0
    """,
    "texts": """
        product manager=1.2, product management=1.7, product managers=0.5, product roadmap=1.5, roadmap=0.6, roadmaps=0.7,
        prds=1.8, product requirements=1.3, user stories=1.2, backlog=0.9, product strategy=1.4, product vision=1.2,
        prioritization=0.7, prioritize=0.4, product discovery=1.4, customer interviews=0.9, product sense=1.3, product
        owner=1.3, stakeholders=0.3, product experience=0.5, product-led=0.4
    """,
    "other": """
        produktmanager*, produktmanagement, produktleiter*, chef de produit=0.8, responsable produit, gestion de produit,
        gerente de producto, jefe de producto, producto=0.4
    """,
}

FIRST: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"marketing": MARKETING, "sales": SALES, "people": PEOPLE, "finance": FINANCE, "design": DESIGN, "product": PRODUCT}
)
"""By the name of the function."""
