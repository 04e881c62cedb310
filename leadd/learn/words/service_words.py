"""More business functions in words, in the form of `function_words`: engineering, care for customers, and services."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ENGINEERING = {
    "named": """
        engineer, engineers, engineering, developer, developers, software, programmer, programmers, cto, devops, software
        team,
        entwickler, softwareentwickler, développeur, développeurs, ingénieur, desarrollador, desarrolladores, programador,
        coders
    """,
    "titles": """
        engineer, engineers, engineering=0.9, software engineer, software, developer, developers, programmer, backend,
        back-end, frontend, front-end, front end, full stack, fullstack, full-stack, mobile, ios=0.8, android=0.8, devops,
        sre, site reliability, platform engineer, infrastructure=0.7, cloud=0.5, cto, architect=0.7, qa=0.8, test engineer,
        sdet, embedded, firmware, hardware, electrical=0.8, mechanical=0.8, robotics=0.7, rust, java, python, golang, php,
        ruby, react, node, security engineer, cybersecurity=0.8, security=0.5, network=0.5, systems=0.4, system
        administrator=0.8, sysadmin=0.8, machine learning=0.8, ml=0.8, ai=0.35, ai engineer, ml engineer, deep learning=0.8,
        research engineer, data engineer=0.7, engineering manager, member of technical staff, technical staff, technical lead,
        tech lead, forward deployed=0.8, solutions engineer=0.4, solution architect=0.6, solutions architect=0.6,
        technician=0.5, manufacturing=0.6, fpga, asic, rf=0.6, civil=0.6, technical=0.2, web developer, game developer,
        blockchain=0.4, growth engineer, design engineer=0.9, technology=0.3, it=0.4
    """,
    "texts": """
        software engineer=1.3, software engineers=0.8, engineering team=0.7, software engineering=1.3, software
        development=1.2, code=0.9, codebase=1.5, code reviews=1.8, coding=0.8, programming=1.1, python=1, java=1.2,
        javascript=1.1, typescript=1.6, react=1.3, node.js=1.4, golang=1.6, rust=1.4, kubernetes=1.6, docker=1.5, aws=0.9,
        gcp=1.1, terraform=1.7, ci/cd=1.6, microservices=1.6, apis=0.6, rest apis=1, distributed systems=1.7, scalable=0.5,
        backend=1.3, frontend=1.3, full-stack=1.2, databases=0.8, postgres=1.5, postgresql=1.5, sql=0.3, linux=1, git=1,
        github=0.6, unit tests=1.6, debugging=1.3, debug=1.2, computer science=0.9, algorithms=1, pytorch=1.6,
        architecture=0.5, system design=1.3, latency=0.9, infrastructure=0.5, firmware=1.5, cad=1.2, solidworks=1.5,
        mechanical engineering=1.4, electrical engineering=1.4
    """,
    "other": """
        *entwickler*, entwicklung=0.4, softwareentwickl*, programmierer*, informatiker*, ingenieur*=0.9, techniker*=0.5,
        systemadministrator*=0.8, développeur, développeuse, ingénieur=0.8, ingénieure=0.8, développement logiciel,
        technicien=0.5, desarrollador*, programador*, ingeniero*, ingeniera*, informático*
    """,
}

DATA = {
    "named": """
        data, data team, data scientist, data scientists, data analyst, data analysts, analytics, business intelligence,
        datenanalyst, analyste de données, analista de datos
    """,
    "titles": """
        data=0.7, data scientist, data science, data analyst, data analytics, analytics=0.8, analytics engineer, business
        intelligence, bi=0.7, bi analyst, data engineer=0.8, data architect=0.8, statistician, quantitative=0.5, machine
        learning=0.3, insights=0.3, data labeling=0.2, data annotation=0.2, data entry=0.1, data governance=0.8, business
        analyst=0.4, reporting analyst=0.7, ai data trainer=0
    """,
    "texts": """
        data science=1.5, data scientist=1.5, data scientists=0.9, data analyst=1.5, sql=1, dashboards=0.8, tableau=1.3,
        looker=1.3, power bi=1.2, dbt=1.6, snowflake=1.2, bigquery=1.3, statistics=1.1, statistical=1.2, regression=0.9,
        experiments=0.4, experimentation=0.5, data pipelines=1.1, data warehouse=1.2, data modeling=1.1, pandas=1.4, data
        quality=0.9, analytics=0.5, machine learning=0.5, causal inference=1.6
    """,
    "other": """
        datenanalyst*, datenwissenschaftler*, analyste de données, science des données, analista de datos, ciencia de datos,
        científico de datos
    """,
}

CUSTOMER = {
    "named": """
        customer success, customer support, customer service, support team, support agents, support agent, customer care, help
        desk, helpdesk, csm, csms, call center, customer experience,
        kundenservice, kundenbetreuung, service client, support client, atención al cliente, soporte
    """,
    "titles": """
        customer success, customer success manager, csm, customer support, customer service, customer care, customer
        experience, cx=0.8, customer operations=0.8, customer=0.5, client success, client services=0.7, client service=0.7,
        client support, client=0.3, support=0.55, support engineer=0.5, technical support=0.8, product support=0.8, support
        specialist, support agent, support associate, help desk=0.7, helpdesk=0.7, call center=0.8, contact center=0.7,
        contact centre=0.7, implementation=0.5, implementation manager=0.6, implementation specialist=0.6, onboarding=0.5,
        onboarding specialist=0.7, onboarding manager=0.7, customer onboarding=0.8, renewals=0.4, renewals manager=0.5,
        technical account manager=0.6, success manager, success=0.4, customer advocate, customer solutions=0.5, engagement
        manager=0.4, professional services=0.3, trust & safety=0.3, account coordinator=0.3, enterprise success
    """,
    "texts": """
        customer success=1.6, customer success team=1.3, customer success manager=1.8, csm=1.7, csms=1.7, customer
        support=1.6, support tickets=1.8, tickets=1, zendesk=1.7, intercom=1.4, freshdesk=1.7, customer service=1.2, customer
        satisfaction=0.9, csat=1.7, nps=1, churn=1.1, retention=0.5, renewals=1.3, renewal=1.1, qbrs=1.9, quarterly business
        reviews=1.9, health scores=1.7, adoption=0.7, customer onboarding=1.4, onboarding=0.3, troubleshoot=0.9,
        troubleshooting=0.7, inquiries=0.9, customer inquiries=1.6, trusted advisor=1, escalations=0.9, escalate=0.7, first
        point of contact=0.9, live chat=1.3, phone=0.3, gainsight=2, customer experience=0.6
    """,
    "other": """
        kundenservice*, kundenbetreuer*, kundenbetreuung, kundendienst, kundensupport, kundenerfolg, service client, support
        client, relation client, conseiller clientèle, chargé de clientèle, téléconseiller*, atención al cliente, servicio al
        cliente, soporte=0.6, soporte técnico=0.8, éxito del cliente
    """,
}

OPERATIONS = {
    "named": """
        operations, operations manager, coo, chief of staff, office manager, project manager, project managers, supply chain,
        procurement, logistics, betriebsleiter, logistik, opérations, operaciones, warehouse
    """,
    "titles": """
        operations=0.5, operations manager=0.8, operations associate=0.7, operations lead=0.8, operations analyst=0.7,
        operations specialist=0.7, business operations=0.8, bizops=0.8, biz ops=0.8, strategy & operations=0.7, strategy and
        operations=0.7, strategy=0.3, coo, chief of staff=0.8, chief operating officer, program manager=0.6, project
        manager=0.6, project coordinator=0.6, program coordinator=0.5, scrum master=0.5, supply chain, logistics,
        procurement=0.9, purchasing=0.8, buyer=0.6, sourcing manager=0.5, warehouse, fulfillment=0.8, inventory=0.8,
        fleet=0.7, driver=0.8, dispatcher=0.8, courier=0.8, facilities=0.7, office manager=0.7, executive assistant=0.8,
        administrative assistant=0.8, administrative=0.6, receptionist=0.8, assistant=0.2, virtual assistant=0.6,
        secretary=0.7, store manager=0.5, general manager=0.4, city manager=0.4, country manager=0.3, production=0.4,
        quality=0.4, operator=0.6, fraud=0.5, risk=0.4, data entry=0.7, vendor manager=0.6, planner=0.4
    """,
    "texts": """
        operations team=1, operational efficiency=1, operational excellence=0.9, supply chain=1.5, logistics=1.2,
        procurement=1.4, vendors=0.6, vendor management=1, suppliers=1, inventory=1.3, warehouse=1.5, shipping=0.8,
        fulfillment=1, process improvement=0.9, standard operating procedures=1.2, sops=1.2, project management=0.6, pmp=1.2,
        calendar management=1.6, travel arrangements=1.6, executive assistant=1.7, office management=1.4, facilities=1, chief
        of staff=1.5, lean six sigma=1.4, six sigma=1.3, forklift=1.8, drive=0.1, driving license=1, delivery=0.2
    """,
    "other": """
        betriebsleiter*, logistik*, einkäufer*, einkauf=0.8, lager*=0.6, fahrer*=0.8, projektleiter*=0.6, projektmanager*=0.6,
        büroleit*, assistenz=0.5, sachbearbeiter*=0.4, disponent*, logistique, acheteur, achats=0.7, chef de projet=0.6,
        assistant de direction=0.7, assistante de direction=0.7, chauffeur=0.8, gestionnaire de projet=0.6, operaciones=0.6,
        logística, compras=0.6, jefe de proyecto=0.6, asistente=0.3, almacén
    """,
}

LEGAL = {
    "named": """
        lawyer, lawyers, legal, counsel, attorney, attorneys, paralegal, compliance, anwalt, anwälte, jurist, avocat, juriste,
        abogado, abogados
    """,
    "titles": """
        legal=0.9, counsel, general counsel, attorney, lawyer, paralegal, solicitor, compliance=0.8, compliance officer,
        privacy=0.5, regulatory=0.7, regulatory affairs=0.8, contracts manager=0.8, contract manager=0.7, aml=0.7, kyc=0.6,
        policy=0.4, government affairs=0.5, public policy=0.6, intellectual property=0.8, mlro=0.8, data protection
        officer=0.8
    """,
    "texts": """
        legal team=1, legal counsel=1.7, counsel=1, attorney=1.3, law firm=1.3, law firms=0.7, juris doctor=2, j.d.=1.8, bar
        admission=2, admitted to practice=2, licensed to practice=1.6, law degree=1.9, litigation=1.4, contracts=0.4,
        drafting=0.9, regulatory=0.7, regulations=0.6, compliance=0.5, compliance program=1.4, aml=1.2, kyc=1, gdpr=0.5, legal
        advice=1.8, legal issues=1.2
    """,
    "other": """
        jurist*, rechtsanwalt*, rechtsanwält*, syndikus*, juriste, avocat, avocate, juridique=0.8, droit=0.5, conformité=0.6,
        abogado*, jurídico=0.8, cumplimiento=0.5
    """,
}

HEALTH = {
    "named": """
        nurse, nurses, doctor, doctors, clinic staff, therapist, therapists, physician, caregivers, pflegekräfte, pflegekraft,
        infirmier, enfermera, enfermeros, healthcare workers
    """,
    "titles": """
        nurse, nurses, nursing, rn, physician, doctor=0.8, medical=0.6, clinical=0.6, clinician, therapist, psychologist,
        psychiatrist, psychiatric, pharmacist, pharmacy=0.8, dentist, dental=0.8, veterinarian, veterinary, caregiver,
        behavior technician, bcba, bcbas, behavior analyst, counselor=0.6, social worker=0.8, patient=0.6, care=0.3, health
        coach=0.7, nutritionist=0.7, dietitian=0.8, optometrist, midwife, paramedic, surgeon, speech language=0.8, aba=0.8,
        lab technician=0.6
    """,
    "texts": """
        patients=1.5, patient care=1.8, clinical=1, clinic=1, nursing=1.6, medical records=1.3, licensure=1.3, hospital=0.8,
        therapy=1.2, therapists=1.3, physicians=1, bls=1.5, telehealth=1.1, behavioral health=1, treatment plans=1.7,
        healthcare providers=0.6
    """,
    "other": """
        pflege*, arzt*, ärzt*, krankenschwester*, therapeut*, apotheker*, mfa=0.7, infirmier*, infirmière, médecin,
        pharmacien*, aide-soignant*, kinésithérapeute, enfermer*, médico*, médica=0.8, terapeuta, farmacéutico*
    """,
}

TEACHING = {
    "named": """
        teacher, teachers, tutor, tutors, trainers, lehrer, professeur, profesores, profesor, translators, translator,
        übersetzer, traducteur, traductor
    """,
    "titles": """
        teacher, teachers, tutor, tutors, instructor=0.9, lecturer, professor, education=0.4, curriculum=0.7, trainer=0.5,
        coach=0.4, translator, translators, translation=0.8, interpreter, linguist, linguists, localization=0.6,
        annotator=0.7, data annotator=0.7, language expert=0.7, writing evaluator=0.7, content experts=0.6, ai trainer=0.7, ai
        data trainer=0.8, experts=0.2, rater=0.6, transcriber=0.8, researcher=0.4, scientist=0.6, research scientist=0.7,
        postdoc=0.8, research=0.4, research associate=0.6, biologist=0.7, chemist=0.7
    """,
    "texts": """
        students=1, teaching=1.4, classroom=1.5, curriculum=1.2, teachers=0.8, tutoring=1.5, lesson plans=1.9, native
        speaker=0.8, native speakers=1, translation=1.2, translations=1.3, linguistic=1.2, annotation=1, phd=0.6,
        publications=0.9, laboratory=1, assays=1.5, experiments=0.4, research papers=1.2
    """,
    "other": """
        lehrer*, dozent*, übersetzer*, dolmetscher*, wissenschaftler*=0.7, ausbilder*=0.7, erzieher*, enseignant*,
        professeur*, formateur*=0.7, traducteur*, traductrice*, chercheur*=0.7, profesor*, docente, traductor*,
        investigador*=0.7
    """,
}

TRADES = {
    "named": """
        electrician, electricians, plumber, plumbers, craftsmen, mechanics, cooks, chefs, waiters, cleaners, handwerker,
        monteure, köche, électricien, électriciens, electricista, cocinero, cocineros, construction workers
    """,
    "titles": """
        electrician, plumber, carpenter, welder, mechanic, technician=0.5, installer, roofer, painter, construction=0.8, site
        manager=0.6, superintendent=0.6, foreman, machinist, assembler, assembly=0.5, maintenance=0.7, cook, chef, barista,
        waiter, waitress, server=0.4, bartender, kitchen=0.8, restaurant=0.7, hotel=0.5, housekeeping, cleaner, janitor,
        security guard, guard=0.5, crew=0.6, cashier, retail=0.4, store=0.4, shop assistant=0.7, stylist=0.6, beauty=0.4,
        labourer, laborer, gardener, field technician=0.8, service technician=0.8, warehouse operative=0.8
    """,
    "texts": """
        tools=0.1, installation=0.6, construction=0.9, job site=1.3, power tools=1.8, lift=0.3, kitchen=1.2, restaurant=1,
        guests=1.1, food safety=1.6, shift=0.5, shifts=0.7, weekends=0.5, maintenance=0.6, repairs=1.2, safety=0.3, store=0.4,
        cash handling=1.4, physical=0.3
    """,
    "other": """
        elektriker*, *monteur*, handwerker*, mechaniker*, schlosser*, koch=0.8, köchin, kellner*, reinigungskraft,
        hausmeister*, électricien*, plombier, menuisier, cuisinier*, serveur=0.7, serveuse, mécanicien*, electricista,
        fontanero, cocinero*, camarer*, mecánico*
    """,
}

MORE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "engineering": ENGINEERING, "data": DATA, "customer": CUSTOMER, "operations": OPERATIONS, "legal": LEGAL,
        "health": HEALTH, "teaching": TEACHING, "trades": TRADES,
    }
)  # fmt: skip
"""By the name of the function."""

NEIGHBOURS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "marketing": ("sales", "design", "data", "product"),
        "sales": ("marketing", "customer", "operations"),
        "people": ("operations", "finance", "legal"),
        "finance": ("operations", "data", "legal"),
        "design": ("marketing", "product", "engineering"),
        "product": ("engineering", "design", "data", "marketing"),
        "engineering": ("data", "product", "design", "trades"),
        "data": ("engineering", "product", "finance"),
        "customer": ("sales", "operations"),
        "operations": ("finance", "customer", "people", "product", "trades"),
        "legal": ("finance", "operations"),
        "health": ("teaching", "customer"),
        "teaching": ("health", "data"),
        "trades": ("operations", "engineering"),
    }
)
"""Functions whose people often sit in the same department, so that their titles speak against it less: a marketing team has
its own web designer and data analyst, a sales team its customer success managers, a people team its office manager."""
