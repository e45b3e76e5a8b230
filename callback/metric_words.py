"""The titles and definitions of the figures, in pt-BR, en and es.

Law: one entry for each row of `callback.metrics`, each language complete: a test holds both. A definition says what is
divided by what, in the words of the glossary.
"""

from __future__ import annotations

from typing import Final

Words = dict[str, tuple[str, str]]


def _words(pt: tuple[str, str], en: tuple[str, str], es: tuple[str, str]) -> Words:
    return {"pt-BR": pt, "en": en, "es": es}


WORDS: Final[dict[str, Words]] = {
    "entered": _words(
        ("Entradas", "Chamadas recebidas, inclusive as desligadas no menu."),
        ("Entered", "Calls received, those that hung up in the menu included."),
        ("Entradas", "Llamadas recibidas, incluidas las que colgaron en el menú."),
    ),
    "offered": _words(
        ("Oferecidas", "Chamadas que entraram na fila."),
        ("Offered", "Calls that entered the queue."),
        ("Ofrecidas", "Llamadas que entraron en la cola."),
    ),
    "transferred": _words(
        ("Transferidas para a fila", "Das oferecidas: as que um atendente transferiu, depois de falar com o cliente."),
        ("Transferred in", "Of those offered: sent to the queue by an agent who had talked to the caller."),
        ("Transferidas a la cola", "De las ofrecidas: las que un agente transfirió después de hablar con el cliente."),
    ),
    "answered": _words(
        ("Atendidas", "Quem esperou na linha e falou com um atendente."),
        ("Answered", "Callers who waited on the line and reached an agent."),
        ("Atendidas", "Quienes esperaron en línea y hablaron con un agente."),
    ),
    "abandoned": _words(
        ("Abandonos", "Quem desligou enquanto esperava, sem os abandonos curtos."),
        ("Abandoned", "Callers who hung up while waiting, without the short abandons."),
        ("Abandonos", "Quienes colgaron mientras esperaban, sin los abandonos cortos."),
    ),
    "short": _words(
        ("Abandonos curtos", "Quem desligou logo ao entrar na fila, dentro do limite dela."),
        ("Short abandons", "Callers who hung up at once, within the queue's own limit."),
        ("Abandonos cortos", "Quienes colgaron enseguida, dentro del límite de la cola."),
    ),
    "callback_accepted": _words(
        ("Retornos aceitos", "Quem trocou a espera na linha por um retorno de chamada, no mesmo lugar."),
        ("Callbacks accepted", "Callers who took a callback in the same place instead of waiting on the line."),
        (
            "Devoluciones aceptadas",
            "Quienes cambiaron la espera en línea por una devolución de llamada, en el mismo lugar.",
        ),
    ),
    "flow_out": _words(
        ("Saídas", "Quem deixou a fila por outro caminho: recado, transferência, tempo limite, encerramento."),
        ("Flow-outs", "Callers who left the queue another way: voicemail, transfer, time limit, closing."),
        ("Salidas", "Quienes dejaron la cola por otra vía: buzón, transferencia, tiempo límite, cierre."),
    ),
    "waiting": _words(
        ("Em espera", "Quem entrou e ainda espera na linha."),
        ("Waiting", "Callers who entered and still wait on the line."),
        ("En espera", "Quienes entraron y aún esperan en línea."),
    ),
    "abandonment": _words(
        ("Abandono", "Abandonos ÷ (oferecidas − abandonos curtos)."),
        ("Abandonment", "Abandoned ÷ (offered − short abandons)."),
        ("Abandono", "Abandonos ÷ (ofrecidas − abandonos cortos)."),
    ),
    "abandonment_raw": _words(
        ("Abandono bruto", "(Abandonos + abandonos curtos) ÷ oferecidas."),
        ("Abandonment, raw", "(Abandoned + short abandons) ÷ offered."),
        ("Abandono bruto", "(Abandonos + abandonos cortos) ÷ ofrecidas."),
    ),
    "service_level": _words(
        (
            "Nível de serviço",
            "Atendidas dentro da meta ÷ (atendidas + abandonos). Sem retornos, saídas e abandonos curtos.",
        ),
        (
            "Service level",
            "Answered within the target ÷ (answered + abandoned). Callbacks, flow-outs and short abandons are not in it.",
        ),
        (
            "Nivel de servicio",
            "Atendidas dentro de la meta ÷ (atendidas + abandonos). Sin devoluciones, salidas ni abandonos cortos.",
        ),
    ),
    "sl_strict": _words(
        ("Nível de serviço, estrito", "Atendidas dentro da meta ÷ (oferecidas − abandonos curtos)."),
        ("Service level, strict", "Answered within the target ÷ (offered − short abandons)."),
        ("Nivel de servicio, estricto", "Atendidas dentro de la meta ÷ (ofrecidas − abandonos cortos)."),
    ),
    "sl_answered": _words(
        ("Nível de serviço das atendidas", "Atendidas dentro da meta ÷ atendidas."),
        ("Service level of answered", "Answered within the target ÷ answered."),
        ("Nivel de servicio de las atendidas", "Atendidas dentro de la meta ÷ atendidas."),
    ),
    "sl_ignore_early": _words(
        (
            "Nível de serviço, sem abandonos na meta",
            "Atendidas dentro da meta ÷ (atendidas + abandonos depois da meta).",
        ),
        (
            "Service level, early abandons ignored",
            "Answered within the target ÷ (answered + abandoned after the target).",
        ),
        (
            "Nivel de servicio, sin abandonos en meta",
            "Atendidas dentro de la meta ÷ (atendidas + abandonos después de la meta).",
        ),
    ),
    "sl_asterisk2": _words(
        (
            "Nível de serviço SL2 (Asterisk)",
            "(Atendidas + todos os abandonos dentro da meta) ÷ (atendidas + todos os abandonos).",
        ),
        ("Service level SL2 (Asterisk)", "(Answered + all abandons within the target) ÷ (answered + all abandons)."),
        (
            "Nivel de servicio SL2 (Asterisk)",
            "(Atendidas + todos los abandonos dentro de la meta) ÷ (atendidas + todos los abandonos).",
        ),
    ),
    "asa": _words(
        ("TME das atendidas", "Tempo médio de espera de quem foi atendido na linha."),
        ("ASA", "Average speed of answer: mean wait of those answered on the line."),
        ("ASA", "Espera media de quienes fueron atendidos en línea."),
    ),
    "asa_p50": _words(
        ("Espera das atendidas, P50", "Metade das atendidas não esperou mais que isso."),
        ("Wait of answered, P50", "Half of those answered waited no longer."),
        ("Espera de las atendidas, P50", "La mitad de las atendidas no esperó más que esto."),
    ),
    "asa_p90": _words(
        ("Espera das atendidas, P90", "Nove em cada dez atendidas não esperaram mais que isso."),
        ("Wait of answered, P90", "Nine of ten answered waited no longer."),
        ("Espera de las atendidas, P90", "Nueve de cada diez atendidas no esperaron más que esto."),
    ),
    "awt": _words(
        ("Tempo médio na linha", "Tempo médio na linha de todas as oferecidas, seja qual for o desfecho."),
        ("Time on the line", "Mean time on the line of all offered, whatever the end."),
        ("Tiempo medio en línea", "Tiempo medio en línea de todas las ofrecidas, sea cual sea el desenlace."),
    ),
    "awt_p50": _words(
        ("Tempo na linha, P50", "Metade das oferecidas não ficou mais que isso na linha."),
        ("Time on the line, P50", "Half of the offered were on the line no longer."),
        ("Tiempo en línea, P50", "La mitad de las ofrecidas no estuvo más que esto en línea."),
    ),
    "awt_p90": _words(
        ("Tempo na linha, P90", "Nove em cada dez oferecidas não ficaram mais que isso na linha."),
        ("Time on the line, P90", "Nine of ten offered were on the line no longer."),
        ("Tiempo en línea, P90", "Nueve de cada diez ofrecidas no estuvieron más que esto en línea."),
    ),
    "aht": _words(
        (
            "TMA",
            "Tempo médio de atendimento: (conversa + retenção + pós-atendimento) ÷ tratadas, no fim do pós-atendimento.",
        ),
        ("AHT", "Average handle time: (talk + hold + wrap-up) ÷ handled, counted at the end of the wrap-up."),
        (
            "TMO",
            "Tiempo medio de operación: (conversación + retención + trabajo posterior) ÷ gestionadas, cuando ese trabajo termina.",
        ),
    ),
    "handled": _words(
        ("Tratadas", "Conversas com o pós-atendimento concluído, retornos inclusive."),
        ("Handled", "Talks whose wrap-up is done, callbacks included."),
        ("Gestionadas", "Conversaciones con el trabajo posterior terminado, devoluciones incluidas."),
    ),
    "occupancy": _words(
        ("Ocupação", "(Conversa + pós-atendimento) ÷ (tempo conectado − pausas) dos atendentes."),
        ("Occupancy", "(Talk + wrap-up) ÷ (signed in − paused) of the agents."),
        ("Ocupación", "(Conversación + trabajo posterior) ÷ (tiempo conectado − pausas) de los agentes."),
    ),
    "occupancy_dialling": _words(
        ("Ocupação com discagem", "(Reservado + conversa + pós-atendimento) ÷ (tempo conectado − pausas)."),
        ("Occupancy, dialling included", "(Reserved + talk + wrap-up) ÷ (signed in − paused)."),
        ("Ocupación con marcado", "(Reservado + conversación + trabajo posterior) ÷ (tiempo conectado − pausas)."),
    ),
    "callback_offered": _words(
        ("Retornos oferecidos", "Quantas vezes o retorno de chamada foi oferecido."),
        ("Callbacks offered", "How many callers were offered a callback."),
        ("Devoluciones ofrecidas", "A cuántos se ofreció una devolución de llamada."),
    ),
    "callback_connected": _words(
        ("Retornos concluídos", "Retornos em que o cliente falou com um atendente."),
        ("Callbacks connected", "Callbacks whose customer reached an agent."),
        ("Devoluciones conectadas", "Devoluciones en las que el cliente habló con un agente."),
    ),
    "callback_failed": _words(
        ("Retornos sem sucesso", "Retornos que esgotaram as tentativas, ou cujo cliente desligou antes do atendente."),
        ("Callbacks failed", "Callbacks out of attempts, or whose customer hung up before an agent was there."),
        ("Devoluciones fallidas", "Devoluciones que agotaron los intentos, o cuyo cliente colgó antes del agente."),
    ),
    "callback_dropped": _words(
        ("Retornos perdidos na espera", "Dos sem sucesso: o cliente atendeu e desligou antes de haver um atendente."),
        ("Callbacks dropped", "Of the failed: the customer answered and hung up before an agent was there."),
        ("Devoluciones perdidas en espera", "De las fallidas: el cliente contestó y colgó antes de haber un agente."),
    ),
    "callback_cancelled": _words(
        ("Retornos cancelados", "Retornos cancelados pelo cliente ou por um operador."),
        ("Callbacks cancelled", "Callbacks cancelled by the customer or an operator."),
        ("Devoluciones canceladas", "Devoluciones canceladas por el cliente o por un operador."),
    ),
    "callback_expired": _words(
        ("Retornos expirados", "Retornos que não puderam mais ser feitos; o cliente foi avisado."),
        ("Callbacks expired", "Callbacks that could no longer be made; the customer was told."),
        ("Devoluciones vencidas", "Devoluciones que ya no pudieron hacerse; se avisó al cliente."),
    ),
    "callback_waiting": _words(
        ("Retornos em aberto", "Retornos aceitos que ainda não terminaram."),
        ("Callbacks open", "Callbacks accepted that have not ended."),
        ("Devoluciones abiertas", "Devoluciones aceptadas que no han terminado."),
    ),
    "take_rate": _words(
        ("Adesão ao retorno", "Retornos aceitos ÷ retornos oferecidos."),
        ("Take rate", "Callbacks accepted ÷ callbacks offered."),
        ("Aceptación de la devolución", "Devoluciones aceptadas ÷ devoluciones ofrecidas."),
    ),
    "callback_success": _words(
        ("Sucesso dos retornos", "Retornos concluídos ÷ (aceitos − cancelados)."),
        ("Callback success", "Callbacks connected ÷ (accepted − cancelled)."),
        ("Éxito de las devoluciones", "Devoluciones conectadas ÷ (aceptadas − canceladas)."),
    ),
    "attempt_answer_rate": _words(
        ("Tentativas atendidas", "Ligações ao cliente que uma pessoa atendeu ÷ ligações feitas."),
        ("Attempts answered", "Calls to customers that a person answered ÷ calls placed."),
        ("Intentos contestados", "Llamadas al cliente que contestó una persona ÷ llamadas hechas."),
    ),
    "virtual_wait": _words(
        ("Espera virtual", "Tempo médio entre a entrada na fila e o atendente, nos retornos concluídos."),
        ("Virtual wait", "Mean time from entering the queue to the agent, of callbacks connected."),
        ("Espera virtual", "Tiempo medio entre la entrada en la cola y el agente, en las devoluciones conectadas."),
    ),
    "virtual_wait_p90": _words(
        ("Espera virtual, P90", "Nove em cada dez retornos concluídos não esperaram mais que isso."),
        ("Virtual wait, P90", "Nine of ten callbacks connected waited no longer."),
        ("Espera virtual, P90", "Nueve de cada diez devoluciones conectadas no esperaron más que esto."),
    ),
    "promise_kept": _words(
        (
            "Promessa cumprida",
            "Primeira ligação feita até a hora prometida ÷ retornos ligados ou expirados sem ligação.",
        ),
        ("Promise kept", "First call placed by the promised time ÷ callbacks first called or expired uncalled."),
        (
            "Promesa cumplida",
            "Primera llamada hecha a la hora prometida ÷ devoluciones llamadas o vencidas sin llamar.",
        ),
    ),
    "hold_after_answer": _words(
        ("Espera após atender", "Tempo médio entre o cliente aceitar o retorno e o atendente entrar."),
        ("Hold after answer", "Mean time from the customer's acceptance of the call to the agent."),
        ("Espera tras contestar", "Tiempo medio entre que el cliente acepta la llamada y entra el agente."),
    ),
    "hold_after_answer_p90": _words(
        ("Espera após atender, P90", "Nove em cada dez não esperaram mais que isso após atender. Meta: 10 s."),
        ("Hold after answer, P90", "Nine of ten waited no longer after answering. Target: 10 s."),
        ("Espera tras contestar, P90", "Nueve de cada diez no esperaron más que esto tras contestar. Meta: 10 s."),
    ),
    "line_time_saved": _words(
        (
            "Tempo de linha poupado",
            "Espera virtual − tempo na linha − espera após atender, somada nos retornos concluídos.",
        ),
        ("Line time saved", "Virtual wait − time on the line − hold after answer, summed over callbacks connected."),
        (
            "Tiempo de línea ahorrado",
            "Espera virtual − tiempo en línea − espera tras contestar, sumada en las devoluciones conectadas.",
        ),
    ),
    "service_reached": _words(
        ("Atendimento alcançado", "(Atendidas + retornos concluídos) ÷ (oferecidas − abandonos curtos)."),
        ("Service reached", "(Answered + callbacks connected) ÷ (offered − short abandons)."),
        ("Servicio alcanzado", "(Atendidas + devoluciones conectadas) ÷ (ofrecidas − abandonos cortos)."),
    ),
    "blended_asa": _words(
        ("TME combinado", "Espera média das atendidas na linha e dos retornos concluídos, juntas."),
        ("Blended ASA", "Mean wait of those answered on the line and of callbacks connected, together."),
        ("ASA combinado", "Espera media de las atendidas en línea y de las devoluciones conectadas, juntas."),
    ),
    "overtaken": _words(
        ("Ultrapassagens", "Vezes em que alguém foi atendido antes de quem estava à sua frente na fila. Deve ser 0."),
        ("Overtakes", "Times somebody was served before another who stood ahead of him. Must be 0."),
        ("Adelantamientos", "Veces en que alguien fue atendido antes que otro que estaba por delante. Debe ser 0."),
    ),
}
