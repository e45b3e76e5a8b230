"""The built-in sentences, in every language we speak.

Law: each language has every sentence (a test holds it). `{name}` is filled in by `ivr.prompts`. A flow's own prompts always
win where its fields allow one. A language that we do not have is spoken with the words of its nearest relative, else English.
"""

from __future__ import annotations

from decimal import Decimal
from string import Formatter

from ivr import numerals

SENTENCES: dict[str, dict[str, str]] = {
    "pt-BR": {
        "option": "Para {label}, digite {key}.",
        "option_to": "Para {label}, digite {key}.",
        "key *": "estrela",
        "key #": "jogo da velha",
        "silence": "Não recebemos a sua opção.",
        "silence_digits": "Não recebemos nenhum número.",
        "invalid": "Opção inválida.",
        "invalid_digits": "Não reconhecemos esse número.",
        "read_back": "Você digitou {digits}. Se estiver certo, digite 1. Para digitar de novo, digite 2.",
        "apology": "Desculpe, tivemos um problema técnico.",
        "one_moment": "Desculpe, tivemos um problema técnico. Por favor, aguarde um instante na linha.",
        "to_a_person": "Vamos transferir você para um atendente.",
        "goodbye": "Obrigado pela ligação. Até logo.",
        "position": "Você é o número {position} da fila.",
        "position_first": "A sua ligação é a próxima da fila.",
        "wait": "A espera é de menos de {minutes}.",
        "wait_longer": "Desculpe, a espera aumentou: agora é de menos de {minutes}.",
        "hold": "Por favor, aguarde na linha.",
        "transferred": "Vamos transferir você. Por favor, aguarde na linha.",
        "transfer_failed": "Não foi possível transferir você. O seu lugar na fila continua o mesmo.",
        "closed_now": "Desculpe, o nosso atendimento já encerrou. Por favor, ligue de novo mais tarde.",
        "offer": "Para receber uma ligação sem perder o seu lugar, digite {key}.",
        "place_found": "Você já pediu um retorno e é o número {position} da fila.",
        "place_found_later": "Você já tem um retorno marcado conosco.",
        "place_choices": "Para aguardar agora na linha, no mesmo lugar, digite 1. Para manter o retorno, digite 2. "
        "Para mudar o telefone, digite 3. Para cancelar o retorno, digite 4.",
        "place_kept": "Certo. Vamos ligar para você quando chegar a sua vez.",
        "place_cancelled": "O seu retorno foi cancelado.",
        "place_gone": "Esse retorno já não está na fila.",
        "number_changed": "Certo. Vamos ligar para {number} quando chegar a sua vez.",
        "number_duplicate": "Esse telefone já tem um retorno marcado nesta fila.",
        "confirm_number": "Vamos ligar para {number}. Se estiver certo, digite 1. Para outro telefone, digite 2.",
        "ask_number": "Digite o telefone com DDD e, no fim, jogo da velha.",
        "bad_number": "Esse telefone não é válido.",
        "blocked_number": "Não podemos ligar para esse telefone.",
        "decline": "Para desistir do retorno, digite estrela.",
        "when_soon": "Para receber a ligação assim que chegar a sua vez, digite 1.",
        "when_slot": "Para receber a ligação {day}, {time}, digite {key}.",
        "booked": "O seu lugar está guardado: você é o número {position} da fila. "
        "Pode desligar; vamos ligar quando chegar a sua vez.",
        "booked_wait": "O seu lugar está guardado. Vamos ligar em menos de {minutes}. Pode desligar.",
        "booked_later": "Certo. Vamos ligar {day}, {time} ou pouco depois. Pode desligar.",
        "booked_soon": "Certo. Vamos ligar para você daqui a pouco. Pode desligar.",
        "leave_message": "A sua mensagem foi gravada.",
        "ask_comment": "Se quiser, deixe um comentário após o sinal.",
        "connecting": "Só um instante, estamos transferindo a sua ligação.",
        "other_gone": "A outra pessoa já desligou.",
        "today": "hoje",
        "tomorrow": "amanhã",
    },
    "en": {
        "option": "For {label}, press {key}.",
        "option_to": "To {label}, press {key}.",
        "key *": "star",
        "key #": "pound",
        "silence": "Sorry, we did not get your choice.",
        "silence_digits": "Sorry, we did not get any digits.",
        "invalid": "Sorry, that is not one of the choices.",
        "invalid_digits": "We did not recognize that number.",
        "read_back": "You entered {digits}. If that is right, press 1. To enter it again, press 2.",
        "apology": "Sorry, we have a technical problem.",
        "one_moment": "Sorry, we have a technical problem. Please stay on the line for a moment.",
        "to_a_person": "We will connect you with an agent.",
        "goodbye": "Thank you for calling. Goodbye.",
        "position": "You are number {position} in line.",
        "position_first": "You are next in line.",
        "wait": "The wait is less than {minutes}.",
        "wait_longer": "Sorry, the wait has grown: it is now less than {minutes}.",
        "hold": "Please stay on the line.",
        "transferred": "We are transferring you. Please stay on the line.",
        "transfer_failed": "We could not transfer you. You have your place in line back.",
        "closed_now": "Sorry, we have closed. Please call again later.",
        "offer": "To get a call back without losing your place in line, press {key}.",
        "place_found": "You already have a callback with us, and you are number {position} in line.",
        "place_found_later": "You already have a callback with us.",
        "place_choices": "To wait on the line now, in the same place, press 1. To keep the callback, press 2. "
        "To change the number, press 3. To cancel the callback, press 4.",
        "place_kept": "All right. We will call you when it is your turn.",
        "place_cancelled": "Your callback is cancelled.",
        "place_gone": "That callback is no longer in our line.",
        "number_changed": "All right. We will call {number} when it is your turn.",
        "number_duplicate": "That number already has a callback in this line.",
        "confirm_number": "We will call {number}. If that is right, press 1. For another number, press 2.",
        "ask_number": "Enter the number with its area code, then press pound.",
        "bad_number": "That number is not valid.",
        "blocked_number": "We cannot call that number.",
        "decline": "If you do not want to be called back, press star.",
        "when_soon": "To be called as soon as it is your turn, press 1.",
        "when_slot": "To be called {day}, {time}, press {key}.",
        "booked": "We have saved your place: you are number {position} in line. "
        "You can hang up; we will call when it is your turn.",
        "booked_wait": "We have saved your place. We will call you in less than {minutes}. You can hang up.",
        "booked_later": "All right. We will call you {day}, {time} or soon after. You can hang up.",
        "booked_soon": "All right. We will call you in a moment. You can hang up.",
        "leave_message": "Your message has been recorded.",
        "ask_comment": "If you like, leave a comment after the tone.",
        "connecting": "One moment, we are connecting you.",
        "other_gone": "The other person has hung up.",
        "today": "today",
        "tomorrow": "tomorrow",
    },
    "es": {
        "option": "Para {label}, marque {key}.",
        "option_to": "Para {label}, marque {key}.",
        "key *": "asterisco",
        "key #": "numeral",
        "silence": "No recibimos su opción.",
        "silence_digits": "No recibimos ningún número.",
        "invalid": "Esa opción no es válida.",
        "invalid_digits": "No reconocimos ese número.",
        "read_back": "Usted marcó {digits}. Si es correcto, marque 1. Para marcarlo de nuevo, marque 2.",
        "apology": "Disculpe, tenemos un problema técnico.",
        "one_moment": "Disculpe, tenemos un problema técnico. Por favor, permanezca un momento en la línea.",
        "to_a_person": "Le comunicaremos con un agente.",
        "goodbye": "Gracias por llamar. Hasta luego.",
        "position": "Usted ocupa el lugar {position} de la fila.",
        "position_first": "Su llamada es la siguiente de la fila.",
        "wait": "La espera es de menos de {minutes}.",
        "wait_longer": "Disculpe, la espera ha aumentado: ahora es de menos de {minutes}.",
        "hold": "Por favor, permanezca en la línea.",
        "transferred": "Vamos a transferirle. Por favor, permanezca en la línea.",
        "transfer_failed": "No fue posible transferirle. Usted conserva su lugar en la fila.",
        "closed_now": "Disculpe, ya hemos cerrado. Por favor, llame de nuevo más tarde.",
        "offer": "Para recibir una llamada sin perder su lugar, marque {key}.",
        "place_found": "Usted ya tiene una llamada pendiente y ocupa el lugar {position} de la fila.",
        "place_found_later": "Usted ya tiene una llamada pendiente con nosotros.",
        "place_choices": "Para esperar ahora en la línea, en el mismo lugar, marque 1. Para mantener la llamada, marque 2. "
        "Para cambiar el teléfono, marque 3. Para cancelar la llamada, marque 4.",
        "place_kept": "De acuerdo. Le llamaremos cuando llegue su turno.",
        "place_cancelled": "Su llamada pendiente fue cancelada.",
        "place_gone": "Esa llamada ya no está en la fila.",
        "number_changed": "De acuerdo. Llamaremos al {number} cuando llegue su turno.",
        "number_duplicate": "Ese teléfono ya tiene una llamada pendiente en esta fila.",
        "confirm_number": "Llamaremos al {number}. Si es correcto, marque 1. Para otro teléfono, marque 2.",
        "ask_number": "Marque el teléfono con el código de área y, al final, numeral.",
        "bad_number": "Ese teléfono no es válido.",
        "blocked_number": "No podemos llamar a ese teléfono.",
        "decline": "Si no desea que le llamemos, marque asterisco.",
        "when_soon": "Para recibir la llamada en cuanto llegue su turno, marque 1.",
        "when_slot": "Para recibir la llamada {day}, {time}, marque {key}.",
        "booked": "Guardamos su lugar: usted ocupa el número {position} de la fila. "
        "Puede colgar; le llamaremos cuando llegue su turno.",
        "booked_wait": "Guardamos su lugar. Le llamaremos en menos de {minutes}. Puede colgar.",
        "booked_later": "De acuerdo. Le llamaremos {day}, {time} o poco después. Puede colgar.",
        "booked_soon": "De acuerdo. Le llamaremos en un momento. Puede colgar.",
        "leave_message": "Su mensaje fue grabado.",
        "ask_comment": "Si lo desea, deje un comentario después de la señal.",
        "connecting": "Un momento, estamos transfiriendo su llamada.",
        "other_gone": "La otra persona ya colgó.",
        "today": "hoy",
        "tomorrow": "mañana",
    },
}

_SIGNS = {
    "pt": {"-": "hífen", ".": "ponto", "/": "barra", "@": "arroba", "+": "mais", "_": "sublinhado"},
    "en": {"-": "dash", ".": "dot", "/": "slash", "@": "at", "+": "plus", "_": "underscore"},
    "es": {"-": "guion", ".": "punto", "/": "barra", "@": "arroba", "+": "más", "_": "guion bajo"}
    | {"W": "doble ve", "Y": "i griega"},
}


def spoken(lang: str) -> str:
    """The language of `SENTENCES` nearest to `lang`: itself, one with the same first part, else English."""
    if lang in SENTENCES:
        return lang
    return next((have for have in SENTENCES if have.split("-")[0] == lang.split("-")[0]), "en")


def sentence(key: str, lang: str, /, **values: object) -> str:
    """The built-in sentence `key` in `lang`, filled in. Raises KeyError for one that does not exist."""
    return SENTENCES[spoken(lang)][key].format(**values)


def places(key: str, lang: str) -> set[str]:
    """The names of the values that the built-in sentence `key` needs."""
    return {name for _, name, _, _ in Formatter().parse(SENTENCES[spoken(lang)][key]) if name}


def key_name(key: str, lang: str) -> str:
    """A key of the telephone as it is called: star, pound, or itself."""
    return sentence(f"key {key}", lang) if key in ("*", "#") else key


def option(label: str, key: str, lang: str) -> str:
    """A choice of a menu. English names a thing (`sales`: "For sales, press 1") and an act (`to leave a message`: "To leave a
    message, press 1") differently; the other languages do not."""
    if spoken(lang) == "en" and label.startswith("to "):
        return sentence("option_to", lang, label=label.removeprefix("to "), key=key)
    return sentence("option", lang, label=label, key=key)


def base(lang: str) -> str:
    """The language in which a call in `lang` is spoken, as `ivr.numerals` knows it: pt, en or es."""
    return spoken(lang).split("-")[0]


def number_words(value: Decimal | int | float, lang: str) -> str:
    """A number in words: "mil e duzentos", "two point five". Raises ValueError for what is none."""
    if isinstance(value, int):
        return numerals.cardinal(value, base(lang))
    return numerals.decimal(value if isinstance(value, Decimal) else Decimal(str(value)), base(lang))


def ordinal_words(n: int, lang: str) -> str:
    """A place in an order, masculine: "terceiro", "twenty-second", "decimocuarto"."""
    return numerals.ordinal(n, base(lang))


def digit_words(digits: str, lang: str) -> str:
    """Figures one by one, as every voice reads them: "5 2 9".

    In Brazil 6 is "meia" (half a dozen) wherever figures are read out: "seis" and "três" sound alike on a telephone.
    """
    return " ".join("meia" if digit == "6" and base(lang) == "pt" else digit for digit in digits)


def spelled(text: str, lang: str) -> str:
    """A code character by character, with a breath between them: "A, B, 1". Without it English would read "a" as an article."""
    names = _SIGNS[base(lang)]
    return ", ".join(names.get(char, digit_words(char, lang)) for char in text.upper() if not char.isspace())
