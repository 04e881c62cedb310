"""Countries with their names and main cities, groups of countries, states of the United States and Canada."""

from __future__ import annotations

COUNTRIES = """
DE|germany,deutschland,allemagne,alemania,germania,bundesweit|berlin,hamburg,munich,munchen,cologne,koln,frankfurt,
  stuttgart,dusseldorf,leipzig,dresden,hannover,hanover,nuremberg,nurnberg,bremen,essen,dortmund,bonn,mannheim,
  karlsruhe,freiburg,heidelberg,potsdam,augsburg,munster
AT|austria,osterreich,autriche|vienna,wien,graz,linz,salzburg,innsbruck
CH|switzerland,schweiz,suisse,svizzera|zurich,zuerich,geneva,genf,geneve,basel,bern,lausanne,luzern,lucerne,zug,
  winterthur
GB|united kingdom,uk,u.k.,great britain,england,scotland,wales,northern ireland,grossbritannien|london,manchester,
  edinburgh,bristol,leeds,glasgow,liverpool,oxford,brighton,belfast,cardiff,sheffield,nottingham
IE|ireland,irland|dublin,galway,limerick
FR|france,frankreich|paris,lyon,marseille,toulouse,bordeaux,lille,nantes,strasbourg,montpellier,rennes,nice
ES|spain,spanien,espana|madrid,barcelona,valencia,sevilla,seville,malaga,bilbao
PT|portugal|lisbon,lisboa,lissabon,porto,braga
IT|italy,italien,italia|rome,roma,milan,milano,mailand,turin,torino,bologna,florence,firenze,naples,napoli
NL|netherlands,the netherlands,holland,niederlande,nederland|amsterdam,rotterdam,utrecht,the hague,den haag,eindhoven,
  delft,groningen
BE|belgium,belgien,belgique,belgie|brussels,brussel,bruxelles,antwerp,antwerpen,ghent,gent,leuven
LU|luxembourg,luxemburg|
SE|sweden,schweden,sverige|stockholm,gothenburg,goteborg,malmo,uppsala
NO|norway,norwegen,norge|oslo,bergen,trondheim,stavanger
DK|denmark,danemark,danmark|copenhagen,kobenhavn,kopenhagen,aarhus,odense
FI|finland,finnland,suomi|helsinki,espoo,tampere,turku
IS|iceland,island|reykjavik
PL|poland,polen,polska|warsaw,warszawa,warschau,krakow,cracow,wroclaw,gdansk,poznan,lodz,katowice
CZ|czech republic,czechia,tschechien|prague,praha,prag,brno
SK|slovakia,slowakei|bratislava,kosice
HU|hungary,ungarn|budapest
RO|romania,rumanien|bucharest,bucuresti,cluj,cluj-napoca,timisoara,iasi
BG|bulgaria,bulgarien|sofia,plovdiv,varna
GR|greece,griechenland|athens,athen,thessaloniki
HR|croatia,kroatien|zagreb,split
SI|slovenia,slowenien|ljubljana,maribor
RS|serbia,serbien|belgrade,beograd,novi sad
EE|estonia,estland|tallinn,tartu
LV|latvia,lettland|riga
LT|lithuania,litauen|vilnius,kaunas
UA|ukraine|kyiv,kiev,lviv,kharkiv,odesa
CY|cyprus,zypern|limassol,nicosia,larnaca
MT|malta|valletta,sliema
RU|russia,russland|moscow,moskau,saint petersburg,st petersburg
BY|belarus|minsk
MD|moldova|chisinau
AL|albania|tirana
BA|bosnia,bosnia and herzegovina|sarajevo
MK|north macedonia|skopje
TR|turkey,turkiye,turkei|istanbul,ankara,izmir
GE||tbilisi
AM|armenia|yerevan
US|united states,united states of america,usa,u.s.,u.s.a.,us,vereinigte staaten,estados unidos,conus|new york,
  new york city,nyc,san francisco,bay area,sf bay area,silicon valley,los angeles,chicago,boston,seattle,austin,denver,
  miami,atlanta,dallas,houston,philadelphia,san diego,san jose,palo alto,mountain view,menlo park,redwood city,brooklyn,
  manhattan,washington dc,washington d.c.,portland,phoenix,salt lake city,raleigh,nashville,detroit,minneapolis,
  pittsburgh,las vegas,oakland,california,texas,florida,massachusetts,colorado,illinois,virginia,north carolina,ohio,
  pennsylvania,new jersey,arizona,utah,oregon,michigan,tennessee,minnesota
CA|canada,kanada|toronto,vancouver,montreal,ottawa,calgary,edmonton,waterloo,quebec,ontario,british columbia
MX|mexico,mexiko|mexico city,ciudad de mexico,cdmx,guadalajara,monterrey
BR|brazil,brasil,brasilien|sao paulo,rio de janeiro,belo horizonte,curitiba,florianopolis
AR|argentina,argentinien|buenos aires,cordoba
CL|chile|santiago
CO|colombia,kolumbien|bogota,medellin
PE|peru|lima
UY|uruguay|montevideo
CR|costa rica|san jose costa rica
IN|india,indien|bangalore,bengaluru,mumbai,delhi,new delhi,hyderabad,pune,chennai,gurgaon,gurugram,noida,kolkata
PK|pakistan|karachi,lahore,islamabad
BD|bangladesh|dhaka
LK|sri lanka|colombo
CN|china|beijing,peking,shanghai,shenzhen,guangzhou,hangzhou
HK|hong kong,hongkong|
TW|taiwan|taipei
JP|japan|tokyo,osaka,kyoto
KR|south korea,korea,sudkorea|seoul
SG|singapore,singapur|
MY|malaysia|kuala lumpur,penang
ID|indonesia,indonesien|jakarta,bali
TH|thailand|bangkok,chiang mai
VN|vietnam|ho chi minh city,hanoi,saigon,da nang
PH|philippines,philippinen|manila,cebu,makati
AU|australia,australien|sydney,melbourne,brisbane,perth,adelaide,canberra
NZ|new zealand,neuseeland|auckland,wellington,christchurch
AE|united arab emirates,uae,u.a.e.,vereinigte arabische emirate|dubai,abu dhabi
SA|saudi arabia,ksa|riyadh,jeddah
QA|qatar|doha
IL|israel|tel aviv,tel-aviv,jerusalem,haifa,herzliya
EG|egypt,agypten|cairo
ZA|south africa,sudafrika|cape town,johannesburg,durban
NG|nigeria|lagos,abuja
KE|kenya,kenia|nairobi
GH|ghana|accra
MA|morocco,marokko|casablanca,rabat
TN|tunisia|tunis
"""
"""ISO code | names | main cities. A line that begins with blanks goes on with the one before."""


def _codes(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_EU = _codes("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK")
_EUROPE = [*_EU, *_codes("GB CH NO IS UA RS BA MK AL MD BY RU")]
_ASIA = _codes("IN PK BD LK CN HK TW JP KR SG MY ID TH VN PH")
_LATAM = _codes("MX BR AR CL CO PE UY CR")
_MIDDLE_EAST = _codes("AE SA QA IL EG TR")
GROUPS: dict[str, tuple[str, ...]] = {
    "europe": tuple(_EUROPE), "europa": tuple(_EUROPE), "eu": tuple(_EU), "european union": tuple(_EU),
    "eea": (*_EU, "NO", "IS"), "emea": (*_EUROPE, *_MIDDLE_EAST, "ZA", "NG", "KE", "MA"),
    "dach": ("DE", "AT", "CH"), "d-a-ch": ("DE", "AT", "CH"), "benelux": ("BE", "NL", "LU"), "iberia": ("ES", "PT"),
    "nordics": ("SE", "NO", "DK", "FI", "IS"), "nordic": ("SE", "NO", "DK", "FI", "IS"), "scandinavia": ("SE", "NO", "DK"),
    "baltics": ("EE", "LV", "LT"), "western europe": _codes("DE AT CH FR BE NL LU GB IE ES PT IT"),
    "eastern europe": _codes("PL CZ SK HU RO BG UA MD BY RU RS BA HR SI"), "uk and ireland": ("GB", "IE"),
    "north america": ("US", "CA"), "nordamerika": ("US", "CA"), "northern america": ("US", "CA"), "amer": ("US", "CA"),
    "latin america": tuple(_LATAM), "latam": tuple(_LATAM), "south america": _codes("BR AR CL CO PE UY"),
    "americas": ("US", "CA", *_LATAM), "asia": tuple(_ASIA), "asien": tuple(_ASIA), "apac": (*_ASIA, "AU", "NZ"),
    "asia pacific": (*_ASIA, "AU", "NZ"), "oceania": ("AU", "NZ"), "anz": ("AU", "NZ"), "middle east": tuple(_MIDDLE_EAST),
    "mena": (*_MIDDLE_EAST, "MA", "TN"), "africa": _codes("ZA NG KE GH MA TN EG"),
}  # fmt: skip
US_STATES = _codes(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI "
    "SC SD TN TX UT VT VA WA WV WI WY DC"
)
CA_PROVINCES = _codes("ON QC BC AB MB SK NS NB")
