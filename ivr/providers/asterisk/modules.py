"""The modules that a node of our own loads, by what they are for.

Law: a module without a use here is not loaded, and a module's own needs stand before it: with `autoload = no` Asterisk looks for
nothing by itself. Tried on 22.10: it starts without a warning.
"""

from __future__ import annotations

from typing import Final

MODULES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("time", ("res_timing_timerfd",)),
    ("configuration", ("res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb")),
    ("keys and the web", ("res_curl", "func_curl", "func_json", "func_uri", "func_sha1")),
    (
        "SIP",
        (
            "res_pjproject",
            "res_pjsip",
            "res_pjsip_session",
            "res_pjsip_pubsub",
            "res_pjsip_authenticator_digest",
            "res_pjsip_outbound_authenticator_digest",
            "res_pjsip_endpoint_identifier_ip",
            "res_pjsip_endpoint_identifier_user",
            "res_pjsip_endpoint_identifier_anonymous",
            "res_pjsip_outbound_registration",
            "res_pjsip_registrar",
            "res_pjsip_acl",
            "res_pjsip_caller_id",
            "res_pjsip_diversion",
            "res_pjsip_dtmf_info",
            "res_pjsip_logger",
            "res_pjsip_nat",
            "res_pjsip_refer",
            "res_pjsip_rfc3326",
            "res_pjsip_sdp_rtp",
            "res_pjsip_empty_info",
            "res_pjsip_header_funcs",
            "res_pjsip_dlg_options",
            "res_pjsip_maintenance",
            "res_pjsip_path",
            "res_security_log",
            "chan_pjsip",
        ),
    ),
    ("manager", ("res_manager_devicestate",)),
    ("audio", ("res_rtp_asterisk", "codec_ulaw", "codec_alaw", "codec_a_mu", "codec_g722", "codec_resample")),
    ("files", ("format_pcm", "format_wav", "format_sln", "format_gsm", "codec_gsm")),
    ("bridges", ("bridge_simple", "bridge_native_rtp", "bridge_softmix", "bridge_holding", "bridge_builtin_features")),
    (
        "dialplan",
        (
            "pbx_config",
            "app_dial",
            "app_playback",
            "app_controlplayback",
            "app_playtones",
            "app_dtmfstore",
            "app_record",
            "app_mixmonitor",
            "app_chanspy",
            "app_exec",
            "app_stack",
            "app_transfer",
            "func_callerid",
            "func_channel",
            "func_cut",
            "func_devstate",
            "func_dialplan",
            "func_env",
            "func_logic",
            "func_math",
            "func_module",
            "func_strings",
            "app_amd",
            "res_musiconhold",
        ),
    ),
)

SPARED: Final = ("app_amd", "func_module")
"""Without these calls go on, and whether a machine has answered is never known."""


def _of(*subjects: str) -> tuple[str, ...]:
    return tuple(name for subject, names in MODULES if subject in subjects for name in names if name not in SPARED)


CALLS_NEED: Final = (
    *_of("keys and the web", "manager", "dialplan"),
    *("res_pjsip_header_funcs", "res_rtp_asterisk", "codec_ulaw", "codec_alaw", "format_pcm", "format_wav"),
    *("bridge_simple", "bridge_builtin_features"),
)
"""What no call can do without, whatever else a PBX has loaded."""
