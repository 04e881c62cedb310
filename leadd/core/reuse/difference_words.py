"""Words by what they may change in the meaning of an opening, folded: English first, then German, French, Spanish and Italian.

A list that misses a word never makes two texts the same by itself: inside a sentence only the words of `HARMLESS` may differ.
The other lists say what a changed word is about, and keep whole sentences that hold one from being left out.
"""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


HARMLESS = _set("a an the and & please kindly also very really truly that which is are we're you'll you're")
"""Function words whose presence, absence or exchange within a sentence flips nothing. 'Our' and 'your' are none: they tell a
wish from an offer."""

NEGATIONS = _set(
    """
    not no nor none never neither nobody nothing nowhere without cannot can't won't don't doesn't didn't isn't aren't wasn't
    weren't shouldn't wouldn't couldn't mustn't needn't hasn't haven't hadn't longer except excluding excludes unless
    instead rather only hardly barely rarely seldom lack lacks lacking unable ineligible prohibited forbidden refuse refuses
    stop stops stopped cease ceased avoid avoids but however although though despite if
    kein keine keinen keiner keinem keines nicht nie niemals nichts ohne weder noch statt anstatt ausser nur kaum aber
    pas aucun aucune jamais rien sans ni plus sauf ne sin ningun ninguna nunca nada tampoco salvo
    senza nessun nessuno nessuna mai non neppure geen niet nooit zonder inte ingen inga ikke aldrig nao nunca nem sem
    """
)

NUMBERS = _set(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions
    billion
    billions dozen dozens couple several few many most half halves third thirds quarter quarters double doubled triple
    single
    first second fourth fifth sixth seventh eighth ninth tenth last once twice both pair percent percentage per minimum
    maximum
    least less more fewer at under over above below up
    eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf zwanzig dreissig vierzig funfzig sechzig hundert tausend
    million millionen dutzend prozent halb erste ersten erster zweite zweiten dritte mindestens hochstens uber unter
    deux trois quatre cinq six sept huit neuf dix onze douze vingt trente cent mille premier premiere deuxieme moins
    dos tres cuatro cinco seis siete ocho nueve diez once doce veinte cien mil primer primera primero segundo menos
    uno due tre quattro cinque sei sette otto nove dieci cento primo prima secondo meno
    dollar dollars euro euros pound pounds franc francs yen rupee rupees usd eur gbp chf cad aud inr ils nis sek nok dkk pln
    cent cents salary salaries pay wage wages equity bonus ote budget compensation gehalt lohn salaire salario stipendio
    hour hours hourly minute minutes percent km miles mile kg headcount
    """
)

TIMES = _set(
    """
    january february march april may june july august september october november december jan feb mar apr jun jul aug sep
    sept
    oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
    today tomorrow yesterday tonight now currently soon immediately immediate asap later earlier already still yet until
    till
    since before after ago next last previous former formerly recent recently upcoming deadline day days daily week weeks
    weekly
    weekend weekends month months monthly quarter quarterly year years yearly annual annually summer winter spring autumn
    fall
    morning evening night nights noon shift shifts temporary temporarily date dates am pm
    januar februar marz mai juni juli oktober dezember montag dienstag mittwoch donnerstag freitag samstag sonntag heute
    morgen
    gestern jetzt sofort bald tag tage woche wochen monat monate monaten jahr jahre jahren ab bis seit
    janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre lundi mardi mercredi jeudi vendredi
    samedi
    dimanche demain hier maintenant jour jours semaine mois an ans annee
    enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre lunes martes miercoles jueves
    viernes
    sabado domingo hoy ahora dia semana mes ano anos
    gennaio febbraio aprile maggio giugno luglio settembre ottobre novembre dicembre oggi domani adesso giorno settimana
    mese anno
    """
)

ROLES = _set(
    """
    junior senior principal staff lead leads leading leader leadership head heads chief director directors vp svp evp
    president
    executive executives manager managers manage manages managing management intern interns internship trainee trainees
    apprentice
    graduate entry associate associates assistant assistants specialist specialists expert experts consultant consultants
    coordinator coordinators supervisor officer analyst analysts engineer engineers engineering developer developers
    programmer
    architect architects designer designers design administrator administrators technician technicians operator scientist
    scientists
    researcher researchers writer writers editor editors copywriter strategist strategists planner buyer recruiter
    recruiters
    recruiting recruitment representative representatives rep reps agent agents advisor adviser partner partners founder
    founders
    cofounder owner ceo cto cfo cmo coo cpo cro hr people talent marketing marketer marketers sales seller sellers selling
    sell
    growth brand branding content seo sem social campaign campaigns advertising advert communications communication pr media
    product products project projects program programme finance financial accounting accountant accountants controller
    auditor legal
    lawyer counsel attorney compliance operations ops logistics warehouse driver drivers support customer customers success
    service
    services nurse doctor teacher tutor driver chef cook waiter cashier secretary receptionist data software hardware
    frontend
    backend fullstack devops security qa test tester network it tech technology business development account accounts role
    roles
    job jobs position positions vacancy opening openings title team teams department departments function report reports
    reporting
    hire hires hiring recruit seek seeks seeking looking join responsible own owns freelancer freelancers agency agencies
    leiter leiterin leitung geschaftsfuhrer praktikant praktikantin praktikum werkstudent auszubildende ausbildung
    entwickler
    ingenieur mitarbeiter verkauf vertrieb stelle suchen personal buchhaltung
    directeur directrice responsable stagiaire stage alternance ingenieur commercial commerciale vente ventes poste equipe
    gerente jefe jefa becario ingeniero ventas puesto equipo responsabile tirocinio ingegnere vendite
    """
)

TERMS = _set(
    """
    remote remotely onsite on-site site hybrid office offices wfh home homeoffice full-time fulltime part-time parttime full
    part
    permanent permanently contract contracts contractor contractors fixed-term fixed freelance paid unpaid voluntary
    volunteer
    volunteers exempt nonexempt required require requires requirement requirements requiring mandatory must optional
    preferred
    preferably desirable desired essential necessary needed need needs plus nice bonus should may might can could will would
    available unavailable open opened closed closing filled paused expired cancelled canceled withdrawn hold frozen freeze
    ended
    visa visas sponsor sponsors sponsorship relocation relocate relocating travel travelling traveling clearance citizen
    citizens
    citizenship resident residents licence license licensed degree bachelor bachelors master masters phd diploma certified
    certification fluent fluency native english german french spanish italian dutch hebrew language languages experience
    experienced inexperienced profitable unprofitable funded bootstrapped public private large small big tiny little
    increase
    increases decrease decreases more less better worse best worst hot cold high low higher lower early late new old former
    current
    yes true false allowed accept accepts accepted welcome unwelcome excluded included include includes including
    vollzeit teilzeit unbefristet befristet festanstellung ehrenamtlich pflicht optional besetzt vergeben erforderlich
    teletravail cdi cdd temps plein partiel obligatoire remoto presencial hibrido completa parcial indefinido temporal
    obligatorio remoto presenza ibrido indeterminato determinato
    """
)

BACKWARD = _set(
    """
    this that these those it its they them their he she his her such there here so then therefore thus hence both either
    dies diese dieser dieses das es sie er ihr dort hier so daher dabei ce cette ces cela il elle ils elles esto esta ese
    questo questa
    """
)
"""First words of a sentence that leans on the one before it, and means another thing elsewhere."""
