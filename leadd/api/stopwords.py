"""Words that carry no meaning of their own, folded, of the languages most ads are written in."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


STOPWORDS = _set(
    """
    a about above after again all also am an and any are as at be because been before being below between both but by can
    could did do does doing down during each few for from further get had has have having he her here hers him his how i
    if in into is it its just like many may me more most much my no nor not now of off on once only or other our ours out
    over own per same she should so some such than that the their them then there these they this those through to too
    under until up us use very via was we well were what when where which while who whom whose why will with within
    without would you your yours it's we're you'll don't i'm aber alle allem allen aller alles als ander andere anderen
    auch auf aus bei beim bin bis bist da damit dann das dass dein deine dem den der des dich die dies diese diesem diesen
    dieser dieses dir doch dort du durch ein eine einem einen einer eines er es etwas euch euer eure fur gegen habe haben
    hat hatte hier hin ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im ist ja jede jedem jeden jeder jedes kann kein keine
    keinen konnen man mehr mein meine mit muss nach nicht noch nun nur ob oder ohne sehr sein seine seit sich sie sind
    soll sondern sowie uber um und uns unser unsere unserem unseren unserer unter vom von vor war waren wenn wer werden
    wie wir wird wo wurde zu zum zur zwischen au aux avec ce ces cette dans de elle en est et etre eux il ils je la le les
    leur leurs lui mais meme mes moi mon ne nos notre nous ou par pas pour qu que qui sa sans se ses son sont sur ta te
    tes toi ton tu un une vos votre vous al algo como con del donde el ella ellos entre era esa ese esta este estos ha hay
    las lo los mas mi muy nuestra nuestro para pero por porque quien si sin sobre su sus tambien tiene todo todos tus una
    uno y ya alla allo anche che chi ci cui dagli dai dal dalla degli dei della delle di e gli ho ma nei nel nella nostra
    nostro o perche piu quale questa questo sono sui sul sulla tra tuo vi voi ao aos com dos ela ele em essa esse isso meu
    minha na nao nas nossa nosso os pela pelo seu sua tem uma voce aan bij dat deze dit een heeft het hij hun ik jouw maar
    met naar niet om onze ook op tot uit van voor wat wij worden zich zijn av det dig din eller ett fra hos inte kan med
    men mig min mot och og pa samt som till til var vara
    """
)
"""English, German, French, Spanish, Italian, Portuguese, Dutch, and the Nordic languages."""

VAGUE_WORDS = _set(
    """
    company companies startup startups business businesses firm firms small big large new first team teams people hiring
    hire hires need needs needing want wants looking look seeking search searching help helps find customer customers
    client clients service services sell offer offers work works working role roles job jobs position who serve serves
    employees employee founder founders founded firmen unternehmen kleine kleines kleiner suchen sucht brauchen braucht
    mitarbeiter kunden kunde stelle stellen grunder
    """
)
"""Words that stand in any description of whom somebody serves, and so tell nothing apart."""
