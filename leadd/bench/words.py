"""What the made-up signals of the bench are put together from: pieces of job ads, forum posts and short posts."""

from __future__ import annotations

FIRST = (
    "Amber", "Birch", "Cedar", "Delta", "Ember", "Falcon", "Granite", "Harbour", "Indigo", "Juniper", "Kestrel", "Lumen",
    "Maple", "Nimbus", "Orchard", "Pebble", "Quartz", "Raven", "Saffron", "Timber", "Umber", "Velvet", "Willow", "Zephyr",
)  # fmt: skip
SECOND = (
    "Analytics", "Bakery", "Clinics", "Dynamics", "Energy", "Foods", "Garden", "Health", "Insurance", "Joinery", "Kitchens",
    "Logistics", "Mobility", "Networks", "Optics", "Payments", "Robotics", "Software", "Textiles", "Tools", "Ventures", "Works",
)  # fmt: skip
PLACES = (
    "Berlin, Germany", "Hamburg, Germany", "Lyon, France", "Leeds, UK", "Austin, TX", "Porto, Portugal", "Remote - Europe",
    "Wien, Österreich", "Utrecht, Netherlands", "Denver, CO", "",
)  # fmt: skip

ABOUT = (
    "{company} was founded in {year} by two colleagues who were tired of paper forms.",
    "Today {people} people in {towns} towns work on what we call the calmest tool in our trade.",
    "Our customers are workshops, clinics, depots and town halls that cannot afford a day of standstill.",
    "We are backed by patient owners and have earned our own money since {year}.",
    "Every second week we open the doors of our office and cook for whoever comes.",
    "We believe that good work needs quiet mornings, and our calendars show it.",
    "More than {number} thousand orders pass through our systems in an ordinary week.",
    "We were named among the best places to work in our region three times in a row.",
    "Our mission is to give people back the hours that bad software has taken from them.",
    "The team is spread over {towns} time zones and meets twice a year in a house by the sea.",
    "What began as a side project in a garage is now used in {towns} countries.",
    "We grew by {number} percent last year and kept every promise that we made to our customers.",
    "Our values are short: be kind, be early, be exact.",
    "Nobody here has a corner office, and the oldest plant in the hall has a name.",
    "We build for the long run, measure what we change, and throw away what does not help.",
    "Since our last round of funding we have doubled the teams that talk to customers every day.",
)
ABOUT_LOUD = (
    "Our platform helps marketing teams at {number} companies plan a campaign, see what it did and spend less on paid media.",
    "We are the leading brand in our field and our advertising has won two prizes for its courage.",
    "From SEO to social media and lead generation: {company} is the place where growth marketing teams keep their numbers.",
    "Agencies and influencers use us every day to run campaigns, newsletters and webinars from one screen.",
    "Our go-to-market engine, our brand and our content marketing made us the fastest growing name in the market.",
    "We give every marketer the demand generation tools that only the largest companies had so far.",
)
"""About-us sentences that are full of marketing words in ads for quite other work."""
ABOUT_MILD = (
    "We are a young brand in an old trade.",
    "Our tool is used by sales, finance and marketing alike.",
    "You may know us from a campaign on the trains of the region.",
    "We show what we do on social media and on our open days.",
    "Our shop sells to people who never click on advertising.",
    "Our newsletter goes to {number},000 readers who fix things themselves.",
)
"""About-us sentences with one such word each, as most companies have them."""

BENEFITS = (
    "Thirty days of holidays, and the days between the years are free on top.",
    "A laptop of your choice and a budget for your desk at home.",
    "We pay for public transport, a bicycle, or the fuel where neither runs.",
    "Health cover from the first day, for you and your family.",
    "An hour every week for learning, and a yearly sum of {number}00 for courses and books.",
    "Fruit, coffee, and a kitchen that somebody else cleans.",
    "Flexible hours around a short core time from ten to two.",
    "A pension plan to which we add half of what you put in.",
    "Parental leave that deserves the name, for every parent.",
    "Shares in the company after your first year.",
    "A quiet room, a loud room, and a rule for which is which.",
    "Work from another country for up to {towns} weeks a year.",
    "A mentor from another team who has time for you in the first six months.",
    "Company days twice a year, with travel and rooms on us.",
)
PROCESS = (
    "First we talk for thirty minutes on the phone, so that you can ask what you need to know.",
    "Then you meet two people from the team, and we look together at a piece of real work.",
    "A short task follows, for which we pay, and which takes no more than three hours.",
    "At the end you talk with one of the founders, and we decide within a week.",
    "You hear from us in any case, also where the answer is no, and we tell you why.",
    "Please send a short note and whatever shows your work best; no cover letter is needed.",
)
LEGAL = (
    "{company} is an equal opportunity employer: we hire without regard to origin, religion, age, gender or disability.",
    "If you need an adjustment during the interviews, tell us, and we will make it without questions.",
    "By sending your documents you agree that we keep them for six months and delete them afterwards.",
    "Please understand that we cannot give back documents on paper and cannot pay for travel that was not agreed.",
    "The salary for this position depends on experience and lies between {number},000 and {more},000 a year.",
    "We do not accept unsolicited profiles and pay no fees for candidates who were sent without an order.",
)

COMMON_DUTIES = (
    "You keep the list of open points and tell us early when something slips.",
    "You write down what you learn, so that the next one does not have to learn it again.",
    "You work closely with product, support and the people on site.",
    "You take part in planning every quarter and say what can wait.",
    "You help new colleagues through their first weeks.",
    "You look after a small budget and explain once a month where it went.",
    "You bring order into what has grown over {towns} years.",
    "You report to the head of your department and speak for your team in the weekly round.",
    "You prepare decisions with numbers and defend them with patience.",
    "You travel two or three times a year to our other offices.",
)
COMMON_NEEDS = (
    "You have done similar work for at least {small} years and can show what came of it.",
    "You write and speak English well; another language is a plus.",
    "You like clear agreements and keep them.",
    "You ask before you assume, and say so when you were wrong.",
    "You stay friendly when three things are urgent at once.",
    "You can explain a hard thing in simple words.",
    "A degree is nice, what you can do counts more.",
    "You have worked in a small team before, or want to know what that is like.",
    "You care about the details that nobody praises.",
    "You may work in the country without a permit that we would have to apply for.",
)

ROLES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("Backend Engineer", "Senior Software Engineer", "Platform Engineer", "Site Reliability Engineer"),
        (
            "You design services in Go and Python that answer in milliseconds and fail in ways that one can understand.",
            "You own what you deploy, from the first line to the alert at night.",
            "You move our oldest tables to a schema that can be changed without fear.",
            "You review code with care and keep the build green.",
            "You measure before you tune, and write the test before the fix.",
        ),
    ),
    (
        ("Data Engineer", "Data Analyst", "Machine Learning Engineer"),
        (
            "You build the pipelines that bring events from {number} sources into one place, on time and counted.",
            "You find out why two reports do not agree, and make them agree.",
            "You train models, watch them in production, and retire them in time.",
            "You write SQL that others can read a year later.",
        ),
    ),
    (
        ("Account Executive", "Sales Development Representative", "Key Account Manager"),
        (
            "You call people who have not heard of us and listen more than you talk.",
            "You carry a number every quarter and know on Monday where you stand.",
            "You show the product to buyers from trade and industry and bring them to a decision.",
            "You keep the records of your talks clean and up to date.",
        ),
    ),
    (
        ("Customer Support Specialist", "Customer Success Manager", "Service Desk Agent"),
        (
            "You answer by phone, mail and chat, in that order of preference of our customers.",
            "You follow a case until it is solved, not until it is closed.",
            "You turn the ten most frequent questions into pages that answer them.",
            "You tell the developers what hurts, with examples.",
        ),
    ),
    (
        ("Warehouse Associate", "Delivery Driver", "Production Technician", "Shift Lead Logistics"),
        (
            "You pick and pack {number} orders in a shift and drive the small forklift.",
            "You check deliveries against the papers and report what is missing.",
            "You keep your part of the hall clean and safe.",
            "Shifts change every second week, and the plan hangs out a month ahead.",
        ),
    ),
    (
        ("Registered Nurse", "Physiotherapist", "Medical Assistant"),
        (
            "You look after patients on a ward with {small} beds together with a colleague.",
            "You document what you did on a tablet that works, most of the time.",
            "You speak with families and find words for hard news.",
            "You guide trainees through their first weeks on the ward.",
        ),
    ),
    (
        ("Accountant", "Financial Controller", "Payroll Specialist"),
        (
            "You close the month by the fifth working day and explain the differences.",
            "You prepare the papers for the auditors and for the tax office.",
            "You look after payroll for {number} people in two countries.",
            "You replace spreadsheets by something that can be checked.",
        ),
    ),
    (
        ("Recruiter", "People Partner", "Office Manager"),
        (
            "You find people for {small} open positions and stay in touch with those who said no.",
            "You look after contracts, calendars and the things nobody else thinks of.",
            "You make the first day of new colleagues a good one.",
            "You mediate where two sides have stopped talking.",
        ),
    ),
    (
        ("Product Manager", "UX Designer", "Project Manager"),
        (
            "You talk with five customers every week and bring back what they do, not what they say.",
            "You decide what we do not build, and tell those who asked for it.",
            "You draw flows that a tired person understands at once.",
            "You keep {small} projects on their dates and say early when one will not hold.",
        ),
    ),
)
"""Titles and duties of work that the bench's ICP does not look for."""

LEAD_TITLES = (
    "Marketing Manager", "First Marketing Hire", "Head of Marketing", "Growth Marketing Lead", "Content Marketing Manager",
    "Social Media Manager", "Performance Marketing Manager", "Founding Marketer", "Marketing Generalist", "Brand Manager",
)  # fmt: skip
LEAD_QUIET_TITLES = ("Founder's Associate", "Generalist, right hand of the founder", "Communications and Community Lead")
"""Titles of leads that do not say it."""
LEAD_DUTIES = (
    "You own our marketing from the plan to the numbers, because so far nobody does.",
    "You build the content calendar, write the newsletter and talk to the press.",
    "You try three channels in the first quarter and keep the one that works.",
    "You set up paid search and paid social with a small budget and look at what they bring every week.",
    "You take over SEO from the agency and bring our pages in order.",
    "You plan the campaigns for the new line together with the founder.",
    "You turn what our customers tell us into stories that others want to read.",
    "You find out where our leads come from and what they cost.",
)
LEAD_NEEDS = (
    "You have worked in marketing for {small} years, some of them alone.",
    "You know SEO, social media and e-mail well enough to do them yourself.",
    "You write well and fast, and you know when a picture is better.",
)
LEAD_PAINS = (
    "Our founder has done the marketing in the evenings so far, and it shows.",
    "There is no marketing team: you are the first marketing hire and build marketing from scratch.",
    "We were unhappy with our agency and want to do this ourselves now.",
    "Most of our customers came by word of mouth, and that is not enough leads any more.",
    "What we post is all over the place, and nobody has time to change that.",
    "We are {small} people, and every one of us is wearing many hats.",
)

ASKS = (
    "I run a small {trade} with {small} people and I am overwhelmed.",
    "Does anybody know a freelancer who does marketing for small shops and does not cost a fortune?",
    "We fired our agency last month: six months, a big invoice, and no leads.",
    "I need more customers for our {trade} and I don't know what works any more.",
    "So far I do the social media myself at night, and our posts are all over the place.",
    "We are looking for somebody who takes over SEO and our newsletter, ten hours a week to begin with.",
    "Our website gets no traffic since the relaunch, and the agency does not answer.",
    "I would rather pay one good person for marketing than three tools that nobody opens.",
)
"""What the author of a forum post says who needs the seller."""
ASKS_QUIET = (
    "Our {trade} is good, and hardly anybody has heard of it; I have no idea how to change that.",
    "The shop is empty on weekdays, and I cannot stand behind the counter and find new people at the same time.",
    "Who can take this off my hands, for a few hours a week, against fair pay?",
)
OFFERS = (
    "We are an agency for growth marketing with {number} happy clients and free capacity from next month.",
    "I offer SEO, social media and Google Ads for small companies, first talk free of charge.",
    "Marketing freelancer with {small} years of experience looks for new projects: content, campaigns, newsletter.",
    "Our team runs your paid social from strategy to report; you pay only for results.",
    "Need more leads? We fill your calendar with qualified appointments, guaranteed.",
)
"""What those say who sell what the seller sells."""
ADVICE = (
    "Ten things that I learned about content marketing in a year: be short, be useful, be there every week.",
    "A thread on why most campaigns fail: no offer, no audience, no patience.",
    "The new update of the search engine changes SEO for all of us, and here is what to look at first.",
    "Our monthly webinar on brand and storytelling is on Thursday, and recordings are free.",
)
CHATTER = (
    "My build takes {number} minutes since the update, and clearing the cache does not help.",
    "Has anybody replaced the pump of a {year} machine without taking the whole front off?",
    "We moved our accounts to another bank and now half of the payments come back.",
    "What do you do when a tenant stops paying and does not open the door?",
    "The city wants a new form for the terrace, and nobody can tell me which.",
    "I am looking for a used oven for our {trade}, gas, not older than five years.",
    "Which of the small vans would you take for {number} kilometres a day?",
    "Our printer prints the address on the back of the label since this morning.",
    "I tried the three programs for time sheets, and all of them forget the lunch break.",
    "How do you split tips between kitchen and service without a fight?",
    "A customer wants his money back after {small} months, and I think that he is wrong.",
    "We have two offers for the roof, and one is twice the other.",
)
"""What other people write about."""
FILLER = (
    "I have been doing this for {small} years and thought that I had seen it all.",
    "We are in a town with about {number} thousand people, which makes some things harder.",
    "I asked two friends in the trade, and they said opposite things.",
    "Any hint is welcome, also unpleasant ones.",
    "I do not want to spend another winter like the last one.",
    "If you need more details, just ask, and I will answer in the evening.",
    "Sorry for the long text, it helped me to write it down.",
    "Last year was good, this one began slowly, and I am not sure why.",
    "Thanks to everybody who answered the last time; the tip with the second supplier was worth gold.",
    "My partner says that I worry too much, and she may be right.",
    "I can send pictures if that helps.",
    "Budget is tight but not zero, and I would rather decide this month than next.",
)
TRADES = ("bakery", "bike shop", "pottery studio", "joinery", "tea brand", "language school", "dental practice", "print shop")
