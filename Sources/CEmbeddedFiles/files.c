// Written by scripts/embedded-files.py.
#include "CEmbeddedFiles.h"

// #embed is of C23, and known to the compiler as an extension before.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char file_0[] = {
#embed "../ConsoleFiles/Templates/accept-invitation.mustache"
};
static const unsigned char file_1[] = {
#embed "../ConsoleFiles/Templates/account-created.mustache"
};
static const unsigned char file_2[] = {
#embed "../ConsoleFiles/Templates/account-delete.mustache"
};
static const unsigned char file_3[] = {
#embed "../ConsoleFiles/Templates/account-form.mustache"
};
static const unsigned char file_4[] = {
#embed "../ConsoleFiles/Templates/account-link.mustache"
};
static const unsigned char file_5[] = {
#embed "../ConsoleFiles/Templates/account-list.mustache"
};
static const unsigned char file_6[] = {
#embed "../ConsoleFiles/Templates/account-move.mustache"
};
static const unsigned char file_7[] = {
#embed "../ConsoleFiles/Templates/account-sweep.mustache"
};
static const unsigned char file_8[] = {
#embed "../ConsoleFiles/Templates/account.mustache"
};
static const unsigned char file_9[] = {
#embed "../ConsoleFiles/Templates/application-form.mustache"
};
static const unsigned char file_10[] = {
#embed "../ConsoleFiles/Templates/application-list.mustache"
};
static const unsigned char file_11[] = {
#embed "../ConsoleFiles/Templates/application-token.mustache"
};
static const unsigned char file_12[] = {
#embed "../ConsoleFiles/Templates/application.mustache"
};
static const unsigned char file_13[] = {
#embed "../ConsoleFiles/Templates/audit-verify.mustache"
};
static const unsigned char file_14[] = {
#embed "../ConsoleFiles/Templates/audit.mustache"
};
static const unsigned char file_15[] = {
#embed "../ConsoleFiles/Templates/badge.mustache"
};
static const unsigned char file_16[] = {
#embed "../ConsoleFiles/Templates/bare-error.mustache"
};
static const unsigned char file_17[] = {
#embed "../ConsoleFiles/Templates/bare.mustache"
};
static const unsigned char file_18[] = {
#embed "../ConsoleFiles/Templates/budget.mustache"
};
static const unsigned char file_19[] = {
#embed "../ConsoleFiles/Templates/call-list.mustache"
};
static const unsigned char file_20[] = {
#embed "../ConsoleFiles/Templates/call.mustache"
};
static const unsigned char file_21[] = {
#embed "../ConsoleFiles/Templates/code.mustache"
};
static const unsigned char file_22[] = {
#embed "../ConsoleFiles/Templates/confirm.mustache"
};
static const unsigned char file_23[] = {
#embed "../ConsoleFiles/Assets/console.css"
};
static const unsigned char file_24[] = {
#embed "../ConsoleFiles/Assets/copy.js"
};
static const unsigned char file_25[] = {
#embed "../ConsoleFiles/Templates/delivery-list.mustache"
};
static const unsigned char file_26[] = {
#embed "../ConsoleFiles/Templates/delivery.mustache"
};
static const unsigned char file_27[] = {
#embed "../ConsoleFiles/Templates/destination-form.mustache"
};
static const unsigned char file_28[] = {
#embed "../ConsoleFiles/Templates/destination-kinds.mustache"
};
static const unsigned char file_29[] = {
#embed "../ConsoleFiles/Templates/destination-list.mustache"
};
static const unsigned char file_30[] = {
#embed "../ConsoleFiles/Templates/destination-secret.mustache"
};
static const unsigned char file_31[] = {
#embed "../ConsoleFiles/Templates/destination.mustache"
};
static const unsigned char file_32[] = {
#embed "../ConsoleFiles/Templates/dry-run.mustache"
};
static const unsigned char file_33[] = {
#embed "../ConsoleFiles/Templates/empty.mustache"
};
static const unsigned char file_34[] = {
#embed "../ConsoleFiles/Words/en.json"
};
static const unsigned char file_35[] = {
#embed "../ConsoleFiles/Templates/error.mustache"
};
static const unsigned char file_36[] = {
#embed "../ConsoleFiles/Templates/errors.mustache"
};
static const unsigned char file_37[] = {
#embed "../ConsoleFiles/Templates/event-fields.mustache"
};
static const unsigned char file_38[] = {
#embed "../ConsoleFiles/Templates/event-list.mustache"
};
static const unsigned char file_39[] = {
#embed "../ConsoleFiles/Templates/event-row.mustache"
};
static const unsigned char file_40[] = {
#embed "../ConsoleFiles/Templates/event-table.mustache"
};
static const unsigned char file_41[] = {
#embed "../ConsoleFiles/Templates/event-tabs.mustache"
};
static const unsigned char file_42[] = {
#embed "../ConsoleFiles/Templates/event.mustache"
};
static const unsigned char file_43[] = {
#embed "../ConsoleFiles/Templates/facts.mustache"
};
static const unsigned char file_44[] = {
#embed "../ConsoleFiles/Assets/favicon.svg"
};
static const unsigned char file_45[] = {
#embed "../ConsoleFiles/Templates/field-notes.mustache"
};
static const unsigned char file_46[] = {
#embed "../ConsoleFiles/Templates/field.mustache"
};
static const unsigned char file_47[] = {
#embed "../ConsoleFiles/Templates/filter.mustache"
};
static const unsigned char file_48[] = {
#embed "../ConsoleFiles/Templates/filters.mustache"
};
static const unsigned char file_49[] = {
#embed "../ConsoleFiles/Templates/flow-form.mustache"
};
static const unsigned char file_50[] = {
#embed "../ConsoleFiles/Templates/flow-links.mustache"
};
static const unsigned char file_51[] = {
#embed "../ConsoleFiles/Templates/flow-list.mustache"
};
static const unsigned char file_52[] = {
#embed "../ConsoleFiles/Templates/flow-webhook.mustache"
};
static const unsigned char file_53[] = {
#embed "../ConsoleFiles/Templates/flow.mustache"
};
static const unsigned char file_54[] = {
#embed "../ConsoleFiles/Templates/hand-over.mustache"
};
static const unsigned char file_55[] = {
#embed "../ConsoleFiles/Templates/held-list.mustache"
};
static const unsigned char file_56[] = {
#embed "../ConsoleFiles/Templates/home-chart.mustache"
};
static const unsigned char file_57[] = {
#embed "../ConsoleFiles/Templates/home-first.mustache"
};
static const unsigned char file_58[] = {
#embed "../ConsoleFiles/Templates/home.mustache"
};
static const unsigned char file_59[] = {
#embed "../ConsoleFiles/Assets/icons.svg"
};
static const unsigned char file_60[] = {
#embed "../ConsoleFiles/Templates/impact.mustache"
};
static const unsigned char file_61[] = {
#embed "../ConsoleFiles/Templates/install-done.mustache"
};
static const unsigned char file_62[] = {
#embed "../ConsoleFiles/Templates/install-form.mustache"
};
static const unsigned char file_63[] = {
#embed "../ConsoleFiles/Templates/install-test.mustache"
};
static const unsigned char file_64[] = {
#embed "../ConsoleFiles/Templates/installation.mustache"
};
static const unsigned char file_65[] = {
#embed "../ConsoleFiles/Templates/integration-choose.mustache"
};
static const unsigned char file_66[] = {
#embed "../ConsoleFiles/Templates/integration-list.mustache"
};
static const unsigned char file_67[] = {
#embed "../ConsoleFiles/Templates/integration-token-list.mustache"
};
static const unsigned char file_68[] = {
#embed "../ConsoleFiles/Templates/integration-token-new.mustache"
};
static const unsigned char file_69[] = {
#embed "../ConsoleFiles/Templates/integration-token-result.mustache"
};
static const unsigned char file_70[] = {
#embed "../ConsoleFiles/Templates/integration-token.mustache"
};
static const unsigned char file_71[] = {
#embed "../ConsoleFiles/Templates/layout.mustache"
};
static const unsigned char file_72[] = {
#embed "../ConsoleFiles/Templates/link-code.mustache"
};
static const unsigned char file_73[] = {
#embed "../ConsoleFiles/Assets/link.js"
};
static const unsigned char file_74[] = {
#embed "../ConsoleFiles/Templates/live-controls.mustache"
};
static const unsigned char file_75[] = {
#embed "../ConsoleFiles/Assets/live.js"
};
static const unsigned char file_76[] = {
#embed "../ConsoleFiles/Templates/name.mustache"
};
static const unsigned char file_77[] = {
#embed "../ConsoleFiles/Words/nl.json"
};
static const unsigned char file_78[] = {
#embed "../ConsoleFiles/Templates/organization-created.mustache"
};
static const unsigned char file_79[] = {
#embed "../ConsoleFiles/Templates/organization-new.mustache"
};
static const unsigned char file_80[] = {
#embed "../ConsoleFiles/Templates/outlook-item.mustache"
};
static const unsigned char file_81[] = {
#embed "../ConsoleFiles/Templates/outlook.mustache"
};
static const unsigned char file_82[] = {
#embed "../ConsoleFiles/Templates/own-factor-offer.mustache"
};
static const unsigned char file_83[] = {
#embed "../ConsoleFiles/Templates/own-password.mustache"
};
static const unsigned char file_84[] = {
#embed "../ConsoleFiles/Templates/own-recovery-codes.mustache"
};
static const unsigned char file_85[] = {
#embed "../ConsoleFiles/Templates/own-second-factor.mustache"
};
static const unsigned char file_86[] = {
#embed "../ConsoleFiles/Templates/own-sessions.mustache"
};
static const unsigned char file_87[] = {
#embed "../ConsoleFiles/Templates/own.mustache"
};
static const unsigned char file_88[] = {
#embed "../ConsoleFiles/Templates/owner.mustache"
};
static const unsigned char file_89[] = {
#embed "../ConsoleFiles/Templates/pager.mustache"
};
static const unsigned char file_90[] = {
#embed "../ConsoleFiles/Templates/plain-form.mustache"
};
static const unsigned char file_91[] = {
#embed "../ConsoleFiles/Words/pt-BR.json"
};
static const unsigned char file_92[] = {
#embed "../ConsoleFiles/Templates/replay-count.mustache"
};
static const unsigned char file_93[] = {
#embed "../ConsoleFiles/Templates/replay-list.mustache"
};
static const unsigned char file_94[] = {
#embed "../ConsoleFiles/Templates/replay-new.mustache"
};
static const unsigned char file_95[] = {
#embed "../ConsoleFiles/Templates/replay-progress.mustache"
};
static const unsigned char file_96[] = {
#embed "../ConsoleFiles/Templates/replay.mustache"
};
static const unsigned char file_97[] = {
#embed "../ConsoleFiles/Templates/resource-form.mustache"
};
static const unsigned char file_98[] = {
#embed "../ConsoleFiles/Templates/resource-list.mustache"
};
static const unsigned char file_99[] = {
#embed "../ConsoleFiles/Templates/resource.mustache"
};
static const unsigned char file_100[] = {
#embed "../ConsoleFiles/Templates/secret.mustache"
};
static const unsigned char file_101[] = {
#embed "../ConsoleFiles/Templates/set-password.mustache"
};
static const unsigned char file_102[] = {
#embed "../ConsoleFiles/Templates/set-up.mustache"
};
static const unsigned char file_103[] = {
#embed "../ConsoleFiles/Templates/settings.mustache"
};
static const unsigned char file_104[] = {
#embed "../ConsoleFiles/Templates/sign-in-code.mustache"
};
static const unsigned char file_105[] = {
#embed "../ConsoleFiles/Templates/sign-in.mustache"
};
static const unsigned char file_106[] = {
#embed "../ConsoleFiles/Templates/steps.mustache"
};
static const unsigned char file_107[] = {
#embed "../ConsoleFiles/Templates/tabs.mustache"
};
static const unsigned char file_108[] = {
#embed "../ConsoleFiles/Templates/time.mustache"
};
static const unsigned char file_109[] = {
#embed "../ConsoleFiles/Templates/token.mustache"
};
static const unsigned char file_110[] = {
#embed "../ConsoleFiles/Templates/variable-form.mustache"
};
static const unsigned char file_111[] = {
#embed "../ConsoleFiles/Templates/variable-in-use.mustache"
};
static const unsigned char file_112[] = {
#embed "../ConsoleFiles/Templates/variable-list.mustache"
};
static const unsigned char file_113[] = {
#embed "../ConsoleFiles/Templates/variables-words.mustache"
};
static const unsigned char file_114[] = {
#embed "../ConsoleFiles/Assets/variables.js"
};
static const unsigned char file_115[] = {
#embed "../ConsoleFiles/Templates/variables.mustache"
};
static const unsigned char file_116[] = {
#embed "../ConsoleFiles/Templates/webhook-list.mustache"
};
static const unsigned char file_117[] = {
#embed "../ConsoleFiles/Templates/webhook.mustache"
};
static const unsigned char file_118[] = {
#embed "../../docs/openapi.yaml"
};

static const struct embedded_file all[] = {
    {"accept-invitation.mustache", file_0, sizeof file_0},
    {"account-created.mustache", file_1, sizeof file_1},
    {"account-delete.mustache", file_2, sizeof file_2},
    {"account-form.mustache", file_3, sizeof file_3},
    {"account-link.mustache", file_4, sizeof file_4},
    {"account-list.mustache", file_5, sizeof file_5},
    {"account-move.mustache", file_6, sizeof file_6},
    {"account-sweep.mustache", file_7, sizeof file_7},
    {"account.mustache", file_8, sizeof file_8},
    {"application-form.mustache", file_9, sizeof file_9},
    {"application-list.mustache", file_10, sizeof file_10},
    {"application-token.mustache", file_11, sizeof file_11},
    {"application.mustache", file_12, sizeof file_12},
    {"audit-verify.mustache", file_13, sizeof file_13},
    {"audit.mustache", file_14, sizeof file_14},
    {"badge.mustache", file_15, sizeof file_15},
    {"bare-error.mustache", file_16, sizeof file_16},
    {"bare.mustache", file_17, sizeof file_17},
    {"budget.mustache", file_18, sizeof file_18},
    {"call-list.mustache", file_19, sizeof file_19},
    {"call.mustache", file_20, sizeof file_20},
    {"code.mustache", file_21, sizeof file_21},
    {"confirm.mustache", file_22, sizeof file_22},
    {"console.css", file_23, sizeof file_23},
    {"copy.js", file_24, sizeof file_24},
    {"delivery-list.mustache", file_25, sizeof file_25},
    {"delivery.mustache", file_26, sizeof file_26},
    {"destination-form.mustache", file_27, sizeof file_27},
    {"destination-kinds.mustache", file_28, sizeof file_28},
    {"destination-list.mustache", file_29, sizeof file_29},
    {"destination-secret.mustache", file_30, sizeof file_30},
    {"destination.mustache", file_31, sizeof file_31},
    {"dry-run.mustache", file_32, sizeof file_32},
    {"empty.mustache", file_33, sizeof file_33},
    {"en.json", file_34, sizeof file_34},
    {"error.mustache", file_35, sizeof file_35},
    {"errors.mustache", file_36, sizeof file_36},
    {"event-fields.mustache", file_37, sizeof file_37},
    {"event-list.mustache", file_38, sizeof file_38},
    {"event-row.mustache", file_39, sizeof file_39},
    {"event-table.mustache", file_40, sizeof file_40},
    {"event-tabs.mustache", file_41, sizeof file_41},
    {"event.mustache", file_42, sizeof file_42},
    {"facts.mustache", file_43, sizeof file_43},
    {"favicon.svg", file_44, sizeof file_44},
    {"field-notes.mustache", file_45, sizeof file_45},
    {"field.mustache", file_46, sizeof file_46},
    {"filter.mustache", file_47, sizeof file_47},
    {"filters.mustache", file_48, sizeof file_48},
    {"flow-form.mustache", file_49, sizeof file_49},
    {"flow-links.mustache", file_50, sizeof file_50},
    {"flow-list.mustache", file_51, sizeof file_51},
    {"flow-webhook.mustache", file_52, sizeof file_52},
    {"flow.mustache", file_53, sizeof file_53},
    {"hand-over.mustache", file_54, sizeof file_54},
    {"held-list.mustache", file_55, sizeof file_55},
    {"home-chart.mustache", file_56, sizeof file_56},
    {"home-first.mustache", file_57, sizeof file_57},
    {"home.mustache", file_58, sizeof file_58},
    {"icons.svg", file_59, sizeof file_59},
    {"impact.mustache", file_60, sizeof file_60},
    {"install-done.mustache", file_61, sizeof file_61},
    {"install-form.mustache", file_62, sizeof file_62},
    {"install-test.mustache", file_63, sizeof file_63},
    {"installation.mustache", file_64, sizeof file_64},
    {"integration-choose.mustache", file_65, sizeof file_65},
    {"integration-list.mustache", file_66, sizeof file_66},
    {"integration-token-list.mustache", file_67, sizeof file_67},
    {"integration-token-new.mustache", file_68, sizeof file_68},
    {"integration-token-result.mustache", file_69, sizeof file_69},
    {"integration-token.mustache", file_70, sizeof file_70},
    {"layout.mustache", file_71, sizeof file_71},
    {"link-code.mustache", file_72, sizeof file_72},
    {"link.js", file_73, sizeof file_73},
    {"live-controls.mustache", file_74, sizeof file_74},
    {"live.js", file_75, sizeof file_75},
    {"name.mustache", file_76, sizeof file_76},
    {"nl.json", file_77, sizeof file_77},
    {"organization-created.mustache", file_78, sizeof file_78},
    {"organization-new.mustache", file_79, sizeof file_79},
    {"outlook-item.mustache", file_80, sizeof file_80},
    {"outlook.mustache", file_81, sizeof file_81},
    {"own-factor-offer.mustache", file_82, sizeof file_82},
    {"own-password.mustache", file_83, sizeof file_83},
    {"own-recovery-codes.mustache", file_84, sizeof file_84},
    {"own-second-factor.mustache", file_85, sizeof file_85},
    {"own-sessions.mustache", file_86, sizeof file_86},
    {"own.mustache", file_87, sizeof file_87},
    {"owner.mustache", file_88, sizeof file_88},
    {"pager.mustache", file_89, sizeof file_89},
    {"plain-form.mustache", file_90, sizeof file_90},
    {"pt-BR.json", file_91, sizeof file_91},
    {"replay-count.mustache", file_92, sizeof file_92},
    {"replay-list.mustache", file_93, sizeof file_93},
    {"replay-new.mustache", file_94, sizeof file_94},
    {"replay-progress.mustache", file_95, sizeof file_95},
    {"replay.mustache", file_96, sizeof file_96},
    {"resource-form.mustache", file_97, sizeof file_97},
    {"resource-list.mustache", file_98, sizeof file_98},
    {"resource.mustache", file_99, sizeof file_99},
    {"secret.mustache", file_100, sizeof file_100},
    {"set-password.mustache", file_101, sizeof file_101},
    {"set-up.mustache", file_102, sizeof file_102},
    {"settings.mustache", file_103, sizeof file_103},
    {"sign-in-code.mustache", file_104, sizeof file_104},
    {"sign-in.mustache", file_105, sizeof file_105},
    {"steps.mustache", file_106, sizeof file_106},
    {"tabs.mustache", file_107, sizeof file_107},
    {"time.mustache", file_108, sizeof file_108},
    {"token.mustache", file_109, sizeof file_109},
    {"variable-form.mustache", file_110, sizeof file_110},
    {"variable-in-use.mustache", file_111, sizeof file_111},
    {"variable-list.mustache", file_112, sizeof file_112},
    {"variables-words.mustache", file_113, sizeof file_113},
    {"variables.js", file_114, sizeof file_114},
    {"variables.mustache", file_115, sizeof file_115},
    {"webhook-list.mustache", file_116, sizeof file_116},
    {"webhook.mustache", file_117, sizeof file_117},
    {"openapi.yaml", file_118, sizeof file_118},
};

const struct embedded_file *embedded_files(size_t *count) {
    *count = sizeof all / sizeof all[0];
    return all;
}
