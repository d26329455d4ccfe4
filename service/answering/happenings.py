"""Does a text tell of a happening of which its source does not tell: a win, a death, a resignation, a veto?

A sentence that says "won" of somebody who leads, or a question after the sentence of somebody who is charged, has every
name and number right. Only what news turns on is told apart, each happening with the words that tell of it; a word
that the source has as well is never strange.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from service.answering.lexical_match import keys_of

# Of each happening: words that tell of it, then others in which a source may tell of it; "*" is any ending, and an
# entry goes on in the lines that are indented further.
_TOLD_BY: Final = """
    won wins win victory victories: winn* victor* champion* triumph* beat* defeat* award* prize* medal* title*
        elected trophy recipient* took_home secur* clinch* landslide seats
    acquired acquires acquire buys bought: acqui* buy* purchas* take*_over took_over takeover* merge* sold own*
    sold sells: sale* sell* divest* auction* offload* bought buy* acqui* purchas* export*
    founded cofounded co-founded: found* cofound* co-found* establish* set_up creat* launch* start* form* began
        begun
    resigned resigns resign stepped_down step_down steps_down stood_down quit quits: resign* step*_down stand*_down
        quit* depart* leav* left exit* retir* bow*_out outgoing
    dismissed dismisses dismiss sacked sacks ousted laid_off: dismiss* sack* fired firing* fires oust* lay*_off
        layoff* remov* axe* redundan* terminat* let_go cut* suspend* reject*
    appointed appoints appoint nominated nominates: appoint* nomin* name* naming elect* hire* hiring pick* choos*
        chose* select* sworn_in becom* became interim new tapped succe*
    died dies die killed kills drowned murdered assassinated: dying dead* death* kill* fatal* perish* murder*
        assassin* slain shot late funeral* bury* burial* buried laid_to_rest toll* body bodies drown* claimed lives
        suicide* passed_away execut* mourn* grave* last end* until
    injured wounded: injur* wound* hurt* hospitali* casualt*
    arrested arrests arrest detained detains: arrest* detain* detention custody apprehend* captur* jail* held
        imprison* prison* seized
    convicted convicts found_guilty: convict* guilty verdict* sentenc*
    sentenced jailed imprisoned: sentenc* jail* imprison* prison* behind_bars execut* fined
    acquitted acquits acquit exonerated: acquit* cleared not_guilty exonerat* overturn*
    indicted prosecuted: charg* indict* accus* prosecut* trial*
    sued sues suing: sue sued sues suing lawsuit* legal_action litigat* court* suit suits plaintiff*
    signed signs: sign* inked
    ratified ratifies ratify: ratif* approv* pass* adopt* vote* voting endors*
    rejected rejects reject vetoed vetoes veto voted_down voted_against vote_against turned_down turn_down: reject*
        veto* refus* declin* turn*_down vot*_down block* deny denied denies denial* oppos* threw_out throw*_out
        dismiss* spurn* struck_down strik*_down against overturn* overrid* overrod* rebuff*
    cancelled canceled cancels cancel called_off call_off calls_off scrapped scraps scrap: cancel* call*_off scrap*
        axed abandon* drop* shelv* pull* halt* suspend* abort*
    postponed postpones postpone put_off pushed_back rescheduled reschedule: postpon* delay* put*_off push*_back
        defer* move* moving reschedul* later suspend*
    suspended suspends suspend halted halts stopped: suspen* halt* stop* ceas* paus* discontinu* shut* clos* end*
        interrupt* cancel* block* freez* froze* moratorium standstill cut*
    withdrew withdrawn withdraws withdraw pulled_out pull_out pulls_out gave_up give_up gives_up dropped_out
        walked_out: withdr* pull*_out leav* left quit* exit* gave_up giv*_up abandon* drop* walk*_out retreat*
        resign* retir*
    repealed repeals repeal revoked revokes rescinded rescind abolished abolishes abolish: repeal* revok* revoc*
        rescind* aboli* scrap* lift* end* overturn* strip* remov*
    banned bans outlawed outlaws prohibited: ban bans banned banning outlaw* prohibit* forbid* forbad* barred bars
        barring block* illegal* restrict* suspen*
    sanctions sanctioned embargo*: sanction* embargo* blacklist* penalt* export_control* asset_freeze*
    leaked leaks leak: leak* disclos* divulg* obtain*
    sank sunk capsized: sank sink* sunk* capsiz* went_down shipwreck* wreck*
    crashed collided: crash* collid* collision* struck hit hits hitting rammed derail* wreck* came_down plung*
    stole stolen steals robbed: steal* stole* theft* thief thieves robb* loot* burgl* heist* snatch* embezzl* took
        taken
    invaded invades invade: inva* offensive* incursion* war attack* occup* annex*
    married marries: marr* wed weds wedding* wife husband spouse bride groom
    divorced divorces divorce: divorc* split* separat* ex-wife ex-husband
    apologised apologized apologises apologizes apologise apologize: apolog* sorry regret*
    bankrupt bankruptcy insolvent: bankrupt* insolven* chapter_11 collaps* administration creditor*
    expelled expels expel deported deports deport: expel* expuls* deport* kick*_out remov* threw_out throw*_out
        exile*
    destroyed destroys destroy demolished demolishes: destroy* destruct* demoli* wreck* raze* ruin* flatten* burn*
        levelled leveled gutted devast* damag* collaps*
    surrendered surrenders surrender: surrender* capitulat* gave_up turned_himself_in turned_herself_in
    pardoned pardons pardon: pardon* clemency amnest* commut*
    compensated compensates compensate: compensat* damages pay* paid reparation* settle* refund* reimburs*
"""


def _happenings() -> Iterator[tuple[re.Pattern[str], re.Pattern[str]]]:
    for entry in re.split(r"\n {4}(?! )", _TOLD_BY)[1:]:
        sure, _, others = entry.partition(":")
        yield _any_of(sure), _any_of(f"{sure} {others}")


def _any_of(words: str) -> re.Pattern[str]:
    written = "|".join(words.split()).replace("*", r"\w*").replace("_", r"\s+")
    return re.compile(rf"(?<!\w)(?:{written})(?!\w)", re.IGNORECASE)


_HAPPENINGS: Final = tuple(_happenings())


def untold(text: str, sources: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a text, as written, that tell of a happening of which no source tells."""
    source = "\n".join(sources)
    said = keys_of(source)
    return tuple(words for words in _told(text, source) if " " in words or not keys_of(words) <= said)


def _told(text: str, source: str) -> Iterator[str]:
    for sure, any_of_it in _HAPPENINGS:
        found = sure.search(text)
        if found is not None and any_of_it.search(source) is None:
            yield found.group()
